package kept.distill;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Arrays;

/** A file with one JSON object a line, each a document: the text of one of its fields. Empty lines and blank texts are passed over. */
final class JsonLinesReader implements DocumentReader {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final ByteSource source;
    private final String name;
    private final String field;
    private byte[] buffer = new byte[1 << 13];
    private long line;

    JsonLinesReader(ByteSource source, String name, String field) {
        this.source = source;
        this.name = name;
        this.field = field;
    }

    @Override
    public Document next() {
        while (true) {
            long start = source.offset();
            int length = readLine();
            if (source.offset() == start) {
                return null;
            }
            line++;
            String json = source.text(buffer, length, start);
            String text = json.isBlank() ? "" : text(json, start);
            if (!text.isBlank()) {
                return new Document(name + '#' + line, text);
            }
        }
    }

    private int readLine() {
        int length = 0;
        for (int b = source.read(); b >= 0 && b != '\n'; b = source.read()) {
            if (length == buffer.length) {
                buffer = Arrays.copyOf(buffer, buffer.length * 2);
            }
            buffer[length++] = (byte) b;
        }
        return length;
    }

    private String text(String json, long start) {
        String place = "[corpus] " + source.where() + ", line " + line + " (byte " + start + ")";
        JsonNode record;
        try {
            record = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new CorpusException(place + " is not JSON: " + e.getOriginalMessage(), e);
        }
        if (!record.isObject()) {
            throw new CorpusException(place + " is not a JSON object: each line must be one, with the text in field \"" + field + '"');
        }
        JsonNode text = record.path(field);
        if (!text.isTextual()) {
            throw new CorpusException(place + " has no text in field \"" + field + "\"; its fields are "
                    + record.properties().stream().map(entry -> entry.getKey()).toList());
        }
        return text.textValue();
    }

    @Override
    public void close() {
        source.close();
    }
}
