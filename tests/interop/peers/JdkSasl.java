import com.google.gson.Gson;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.NameCallback;
import javax.security.auth.callback.PasswordCallback;
import javax.security.sasl.AuthorizeCallback;
import javax.security.sasl.RealmCallback;
import javax.security.sasl.Sasl;
import javax.security.sasl.SaslClient;
import javax.security.sasl.SaslServer;

/** The mechanism NTLM of OpenJDK's SASL: JSON in, JSON out, as `bridge.py` has it. */
public class JdkSasl {
    private static final String HOST = "files.example.com";
    private static final String PREFIX = "com.sun.security.sasl.ntlm.";

    static class Arguments {
        String operation;
        // Of `begin`.
        String role;
        String user;
        String domain;
        String password;
        String version;
        Map<String, String> users;
        // Of `step`.
        String token;
    }

    static class Answer {
        String error;
        String token;
        boolean done;
        String user;
    }

    interface Context {
        Answer step(byte[] token) throws Exception;
    }

    private static final Gson GSON = new Gson();

    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, "UTF-8");
        output.println("ready");
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Context context = null;
        for (String line; (line = lines.readLine()) != null; ) {
            Arguments asked = GSON.fromJson(line, Arguments.class);
            Answer answer = new Answer();
            try {
                if (asked.operation.equals("begin")) {
                    context = asked.role.equals("initiator") ? initiator(asked) : acceptor(asked);
                } else {
                    byte[] token = asked.token == null
                            ? new byte[0] : HexFormat.of().parseHex(asked.token);
                    answer = context.step(token);
                }
            } catch (Exception failure) {
                answer.error = failure.toString();
            }
            output.println(GSON.toJson(answer));
        }
    }

    private static Context initiator(Arguments asked) throws Exception {
        SaslClient client = Sasl.createSaslClient(
                new String[] {"NTLM"}, null, "ldap", HOST, properties(asked), callbacks -> {
                    for (Callback callback : callbacks) {
                        if (callback instanceof NameCallback) {
                            ((NameCallback) callback).setName(asked.user);
                        } else if (callback instanceof PasswordCallback) {
                            ((PasswordCallback) callback).setPassword(asked.password.toCharArray());
                        } else if (callback instanceof RealmCallback) {
                            ((RealmCallback) callback).setText(asked.domain);
                        }
                    }
                });
        return token -> answer(client.evaluateChallenge(token), client.isComplete(), null);
    }

    private static Context acceptor(Arguments asked) throws Exception {
        String[] user = {null};
        SaslServer server = Sasl.createSaslServer(
                "NTLM", "ldap", HOST, properties(asked), callbacks -> {
                    for (Callback callback : callbacks) {
                        if (callback instanceof NameCallback) {
                            NameCallback name = (NameCallback) callback;
                            user[0] = name.getDefaultName();
                            name.setName(user[0]);
                        } else if (callback instanceof RealmCallback) {
                            RealmCallback realm = (RealmCallback) callback;
                            realm.setText(realm.getDefaultText());
                        } else if (callback instanceof PasswordCallback) {
                            String password = asked.users.get(user[0]);
                            ((PasswordCallback) callback).setPassword(
                                    password == null ? null : password.toCharArray());
                        } else if (callback instanceof AuthorizeCallback) {
                            ((AuthorizeCallback) callback).setAuthorized(true);
                        }
                    }
                });
        return token -> {
            byte[] response = server.evaluateResponse(token);
            boolean isDone = server.isComplete();
            return answer(response, isDone, isDone ? server.getAuthorizationID() : null);
        };
    }

    private static Map<String, Object> properties(Arguments asked) {
        Map<String, Object> properties = new HashMap<>();
        if (asked.version != null) {
            properties.put(PREFIX + "version", asked.version);
        }
        // The server insists on one.
        properties.put(PREFIX + "domain", "EXAMPLE");
        return properties;
    }

    private static Answer answer(byte[] token, boolean isDone, String user) {
        Answer answer = new Answer();
        answer.token = token == null ? null : HexFormat.of().formatHex(token);
        answer.done = isDone;
        answer.user = user;
        return answer;
    }
}
