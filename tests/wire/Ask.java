import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Asks as Java's client does when nobody configures it: of HTTP/2, by an upgrade. (Before JDK 20
    it waits for ever where "100 Continue" does not come because it is refused at once.) */
class Ask {
    public static void main(String[] given) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        String[][] asked = {
            {"POST", "/graphql", "application/json", "{\"query\": \"{ __typename }\"}"},
            {"GET", "/graphql?query=%7B__typename%7D", "application/json", ""},
            {"POST", "/oauth/token", "application/x-www-form-urlencoded",
                "grant_type=client_credentials&client_id=nobody&client_secret=wrong"},
            {"PUT", "/documents/none", "application/pdf", "%PDF-"},
            {"POST", "/graphql", "application/json", "{\"query\": \"{ a: __typename }\"}"},
        };
        for (boolean waits : new boolean[] {false, true}) {
            for (String[] each : asked) {
                HttpRequest request = HttpRequest.newBuilder(URI.create(given[0] + each[1]))
                    .header("Content-Type", each[2])
                    .expectContinue(waits && each[0].equals("POST"))
                    .method(each[0], each[3].isEmpty()
                        ? HttpRequest.BodyPublishers.noBody()
                        : HttpRequest.BodyPublishers.ofString(each[3]))
                    .build();
                var answer = client.send(request, BodyHandlers.ofString());
                System.out.println(answer.statusCode() + " " + answer.body());
            }
        }
    }
}
