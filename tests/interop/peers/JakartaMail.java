import java.util.Properties;
import javax.mail.AuthenticationFailedException;
import javax.mail.Folder;
import javax.mail.Message;
import javax.mail.Session;
import javax.mail.Store;
import javax.mail.Transport;
import javax.mail.internet.InternetAddress;
import javax.mail.internet.MimeMessage;

/**
 * Jakarta Mail: sends a message over SMTP, or counts the messages of a mailbox over IMAP, and
 * prints what came of it.
 *
 * <pre>java JakartaMail.java smtp|imap PORT DOMAIN USER PASSWORD</pre>
 */
public class JakartaMail {
    private static final String HOST = "127.0.0.1";
    private static final String PATIENCE = "20000";

    public static void main(String[] arguments) throws Exception {
        String protocol = arguments[0];
        int port = Integer.parseInt(arguments[1]);
        String user = arguments[3];
        String password = arguments[4];

        Properties properties = new Properties();
        String prefix = "mail." + protocol + ".";
        properties.put(prefix + "auth", "true");
        properties.put(prefix + "auth.mechanisms", "NTLM");
        properties.put(prefix + "auth.ntlm.domain", arguments[2]);
        properties.put(prefix + "connectiontimeout", PATIENCE);
        properties.put(prefix + "timeout", PATIENCE);
        Session session = Session.getInstance(properties);
        try {
            if (protocol.equals("smtp")) {
                send(session, port, user, password);
            } else {
                count(session, port, user, password);
            }
        } catch (AuthenticationFailedException failure) {
            System.out.println("rejected: " + failure.getMessage());
        }
    }

    private static void send(Session session, int port, String user, String password)
            throws Exception {
        MimeMessage message = new MimeMessage(session);
        message.setFrom(new InternetAddress("alice@example.com"));
        message.setRecipient(Message.RecipientType.TO, new InternetAddress("bob@example.com"));
        message.setSubject("greetings");
        message.setText("hello");
        try (Transport transport = session.getTransport("smtp")) {
            transport.connect(HOST, port, user, password);
            transport.sendMessage(message, message.getAllRecipients());
            System.out.println("sent");
        }
    }

    private static void count(Session session, int port, String user, String password)
            throws Exception {
        try (Store store = session.getStore("imap")) {
            store.connect(HOST, port, user, password);
            Folder inbox = store.getFolder("INBOX");
            inbox.open(Folder.READ_ONLY);
            System.out.println("messages: " + inbox.getMessageCount());
        }
    }
}
