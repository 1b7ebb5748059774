// go-mssqldb, a driver for SQL Server of Go: runs a query, and prints what came of it.
//
//	go run tds_client.go PORT DOMAIN\USER PASSWORD QUERY
package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"

	_ "github.com/denisenkom/go-mssqldb"
)

func main() {
	if result, err := query(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Println("rejected:", err)
	} else {
		fmt.Println("row:", result)
	}
}

func query(port, user, password, query string) (string, error) {
	server := url.URL{
		Scheme:   "sqlserver",
		User:     url.UserPassword(user, password),
		Host:     "127.0.0.1:" + port,
		RawQuery: "encrypt=disable&connection+timeout=20",
	}
	database, err := sql.Open("mssql", server.String())
	if err != nil {
		return "", err
	}
	defer database.Close()
	var result string
	err = database.QueryRow(query).Scan(&result)
	return result, err
}
