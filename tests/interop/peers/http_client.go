// go-ntlmssp, a library of Go: JSON in, JSON out, as bridge.py has it.
package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	ntlmssp "github.com/Azure/go-ntlmssp"
)

type arguments struct {
	Operation string
	// Of "begin".
	User, Domain, Password string
	// Whether the client before lends its connections.
	KeepConnections bool `json:"keep_connections"`
	// Of "request".
	URL  string
	Data *string
}

type answer struct {
	Error  string `json:"error,omitempty"`
	Status int    `json:"status"`
	User   string `json:"user"`
	Body   string `json:"body"`
}

type client struct {
	user, password string
	client         http.Client
}

func main() {
	fmt.Println("ready")
	lines := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	var transport *http.Transport
	var current client
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked arguments
		if err := json.Unmarshal(line, &asked); err != nil {
			panic(err)
		}
		var got answer
		if asked.Operation == "begin" {
			if !asked.KeepConnections {
				transport = newTransport()
			}
			current = begin(asked, transport)
		} else if got, err = current.request(asked.URL, asked.Data); err != nil {
			got = answer{Error: err.Error()}
		}
		if err := output.Encode(got); err != nil {
			panic(err)
		}
	}
}

func newTransport() *http.Transport {
	// The servers of the tests sign their certificates themselves.
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
}

func begin(asked arguments, transport *http.Transport) client {
	user := asked.User
	if asked.Domain != "" {
		user = asked.Domain + `\` + user
	}
	negotiator := ntlmssp.Negotiator{RoundTripper: transport}
	return client{user, asked.Password, http.Client{Transport: negotiator}}
}

func (c *client) request(target string, data *string) (answer, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if data != nil {
		method, body = http.MethodPost, strings.NewReader(*data)
	}
	request, err := http.NewRequest(method, target, body)
	if err != nil {
		return answer{}, err
	}
	request.SetBasicAuth(c.user, c.password)
	response, err := c.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	user := response.Header.Get("X-User")
	return answer{Status: response.StatusCode, User: user, Body: string(content)}, err
}
