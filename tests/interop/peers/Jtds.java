import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

/**
 * jTDS, a driver for SQL Server: runs a query, and prints what came of it.
 *
 * <pre>java Jtds.java PORT DOMAIN USER PASSWORD QUERY</pre>
 */
public class Jtds {
    public static void main(String[] arguments) throws Exception {
        Class.forName("net.sourceforge.jtds.jdbc.Driver");
        Properties properties = new Properties();
        properties.put("domain", arguments[1]);
        properties.put("user", arguments[2]);
        properties.put("password", arguments[3]);
        properties.put("useNTLMv2", "true");
        properties.put("loginTimeout", "20");
        properties.put("socketTimeout", "20");
        String url = "jdbc:jtds:sqlserver://127.0.0.1:" + arguments[0];
        try (Connection connection = DriverManager.getConnection(url, properties);
                ResultSet rows = connection.createStatement().executeQuery(arguments[4])) {
            while (rows.next()) {
                System.out.println("row: " + rows.getString(1));
            }
        } catch (SQLException failure) {
            System.out.println("rejected: " + failure.getMessage());
        }
        // It leaves a timer behind.
        System.exit(0);
    }
}
