import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.Proxy;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/**
 * HTTP clients in Java: JSON in, JSON out, as `bridge.py` has it. `begin` makes a client, `request`
 * gets a URL, or posts data to it.
 */
public class HttpClients {
    interface Client {
        Response request(String url, byte[] data) throws Exception;
    }

    static class Response {
        final int status;
        final String user;
        final String body;

        Response(int status, String user, byte[] body) {
            this.status = status;
            this.user = user;
            this.body = new String(body, StandardCharsets.UTF_8);
        }
    }

    static class Settings {
        String library;
        String user;
        String domain;
        String password;
        String proxy;

        String proxyHost() {
            return proxy.split(":")[0];
        }

        int proxyPort() {
            return Integer.parseInt(proxy.split(":")[1]);
        }
    }

    static class Request {
        String url;
        String data;
    }

    static class Failure {
        final String error;

        Failure(Exception cause) {
            error = cause.toString();
        }
    }

    private static final Gson GSON = new Gson();

    public static void main(String[] arguments) throws Exception {
        PrintStream output = new PrintStream(System.out, true, "UTF-8");
        output.println("ready");
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Client client = null;
        for (String line; (line = lines.readLine()) != null; ) {
            Object answer = new JsonObject();
            try {
                JsonObject asked = GSON.fromJson(line, JsonObject.class);
                if (asked.get("operation").getAsString().equals("begin")) {
                    client = begin(GSON.fromJson(line, Settings.class));
                } else {
                    Request request = GSON.fromJson(line, Request.class);
                    byte[] data = request.data == null ? null : request.data.getBytes("UTF-8");
                    answer = client.request(request.url, data);
                }
            } catch (Exception failure) {
                answer = new Failure(failure);
            }
            output.println(GSON.toJson(answer));
        }
    }

    private static Client begin(Settings settings) throws Exception {
        switch (settings.library) {
            case "jdk":
                return new Jdk(settings);
            case "apache4":
                return new Apache4(settings);
            default:
                return new Apache5(settings);
        }
    }

    /** HttpURLConnection, whose connections the whole process shares. */
    static class Jdk implements Client {
        private final Settings settings;
        private final Authenticator authenticator;

        Jdk(Settings settings) throws Exception {
            this.settings = settings;
            HttpsURLConnection.setDefaultSSLSocketFactory(trusting().getSocketFactory());
            String prefix = settings.domain.isEmpty() ? "" : settings.domain + "\\";
            authenticator = new Authenticator() {
                @Override
                protected PasswordAuthentication getPasswordAuthentication() {
                    return new PasswordAuthentication(
                            prefix + settings.user, settings.password.toCharArray());
                }
            };
        }

        @Override
        public Response request(String url, byte[] data) throws Exception {
            Proxy proxy = settings.proxy == null ? Proxy.NO_PROXY : new Proxy(Proxy.Type.HTTP,
                    new InetSocketAddress(settings.proxyHost(), settings.proxyPort()));
            HttpURLConnection connection =
                    (HttpURLConnection) new URL(url).openConnection(proxy);
            connection.setAuthenticator(authenticator);
            connection.setReadTimeout(20000);
            if (data != null) {
                connection.setDoOutput(true);
                connection.getOutputStream().write(data);
            }
            int status = connection.getResponseCode();
            InputStream body =
                    status < 400 ? connection.getInputStream() : connection.getErrorStream();
            byte[] content = body == null ? new byte[0] : body.readAllBytes();
            return new Response(status, connection.getHeaderField("X-User"), content);
        }
    }

    /**
     * Apache HttpClient 4. The context remembers the user of a connection: without one, each request
     * takes a connection of its own.
     */
    static class Apache4 implements Client {
        private final org.apache.http.impl.client.CloseableHttpClient client;
        private final org.apache.http.protocol.HttpContext context =
                new org.apache.http.protocol.BasicHttpContext();

        Apache4(Settings settings) throws Exception {
            var credentials = new org.apache.http.impl.client.BasicCredentialsProvider();
            credentials.setCredentials(
                    org.apache.http.auth.AuthScope.ANY,
                    new org.apache.http.auth.NTCredentials(
                            settings.user, settings.password, "LAPTOP", settings.domain));
            var builder = org.apache.http.impl.client.HttpClients.custom()
                    .setDefaultCredentialsProvider(credentials)
                    .setSSLContext(trusting());
            if (settings.proxy != null) {
                builder.setProxy(new org.apache.http.HttpHost(
                        settings.proxyHost(), settings.proxyPort()));
            }
            client = builder.build();
        }

        @Override
        public Response request(String url, byte[] data) throws Exception {
            var request = org.apache.http.client.methods.RequestBuilder
                    .create(data == null ? "GET" : "POST").setUri(url);
            if (data != null) {
                request.setEntity(new org.apache.http.entity.ByteArrayEntity(data));
            }
            try (var response = client.execute(request.build(), context)) {
                var user = response.getFirstHeader("X-User");
                return new Response(
                        response.getStatusLine().getStatusCode(),
                        user == null ? null : user.getValue(),
                        org.apache.http.util.EntityUtils.toByteArray(response.getEntity()));
            }
        }
    }

    /** Apache HttpClient 5, which tries NTLM only if it is told to. The context is as above. */
    static class Apache5 implements Client {
        private final org.apache.hc.client5.http.impl.classic.CloseableHttpClient client;
        private final org.apache.hc.core5.http.protocol.HttpContext context =
                new org.apache.hc.core5.http.protocol.BasicHttpContext();

        Apache5(Settings settings) throws Exception {
            var credentials = new org.apache.hc.client5.http.impl.auth.BasicCredentialsProvider();
            credentials.setCredentials(
                    new org.apache.hc.client5.http.auth.AuthScope(null, -1),
                    new org.apache.hc.client5.http.auth.NTCredentials(
                            settings.user, settings.password.toCharArray(), "LAPTOP",
                            settings.domain));
            var connections =
                    org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder
                            .create()
                            .setSSLSocketFactory(
                                    new org.apache.hc.client5.http.ssl.SSLConnectionSocketFactory(
                                            trusting()))
                            .build();
            var schemes = org.apache.hc.client5.http.config.RequestConfig.custom()
                    .setTargetPreferredAuthSchemes(List.of("NTLM"))
                    .setProxyPreferredAuthSchemes(List.of("NTLM"));
            var builder = org.apache.hc.client5.http.impl.classic.HttpClients.custom()
                    .setDefaultCredentialsProvider(credentials)
                    .setDefaultRequestConfig(schemes.build())
                    .setConnectionManager(connections);
            if (settings.proxy != null) {
                builder.setProxy(new org.apache.hc.core5.http.HttpHost(
                        settings.proxyHost(), settings.proxyPort()));
            }
            client = builder.build();
        }

        @Override
        public Response request(String url, byte[] data) throws Exception {
            var request = org.apache.hc.core5.http.io.support.ClassicRequestBuilder
                    .create(data == null ? "GET" : "POST").setUri(url);
            if (data != null) {
                request.setEntity(new org.apache.hc.core5.http.io.entity.ByteArrayEntity(
                        data, org.apache.hc.core5.http.ContentType.APPLICATION_OCTET_STREAM));
            }
            return client.execute(request.build(), context, response -> {
                var user = response.getFirstHeader("X-User");
                byte[] body = org.apache.hc.core5.http.io.entity.EntityUtils.toByteArray(
                        response.getEntity());
                return new Response(
                        response.getCode(), user == null ? null : user.getValue(), body);
            });
        }
    }

    /** Trusts every certificate: the servers of the tests sign theirs themselves. */
    private static SSLContext trusting() throws Exception {
        TrustManager all = new X509TrustManager() {
            @Override
            public void checkClientTrusted(X509Certificate[] chain, String type) {}

            @Override
            public void checkServerTrusted(X509Certificate[] chain, String type) {}

            @Override
            public X509Certificate[] getAcceptedIssuers() {
                return new X509Certificate[0];
            }
        };
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {all}, null);
        return context;
    }
}
