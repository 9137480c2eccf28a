package kept.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;

/** What a page holds. */
final class PageText {
    private static final String NUMBERS = "<script type=\"application/json\" id=\"numbers\">";

    private PageText() { }

    /** What a reader sees: no scripts, no tags, one space for any white space. */
    static String visible(String page) {
        return page.replaceAll("(?s)<(script|style)\\b.*?</\\1>", " ").replaceAll("<[^>]*>", " ").replace("&quot;", "\"").replace("&nbsp;", " ")
            .replace("&amp;", "&").replaceAll("\\s+", " ").replaceAll(" ([:.,;)])", "$1");
    }

    /** The numbers of its charts. */
    static JsonNode numbers(String page) throws IOException {
        int from = page.indexOf(NUMBERS) + NUMBERS.length();
        return new ObjectMapper().readTree(page.substring(from, page.indexOf("</script>", from)));
    }
}
