package kept.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.io.JsonEOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import kept.io.AtomicFiles;
import kept.io.FileException;
import kept.io.MistakenFile;
import kept.tensor.Shape;
import kept.tensor.ShapeException;
import kept.weights.StoredType;
import kept.weights.TensorEntry;

/**
 * Reads and validates the header of a safetensors file.
 *
 * <p>The format is: an unsigned little-endian 64-bit header length {@code n}; {@code n} bytes of JSON,
 * {@code {"name": {"dtype": ..., "shape": [...], "data_offsets": [begin, end]}, ..., "__metadata__": {...}}}, optionally padded with spaces; then the
 * data, to which the offsets are relative. The tensors must cover the data without overlap or gap. The limits are those of the reference
 * implementation; in addition, repeated and unknown keys are rejected.
 */
final class SafetensorsHeader {
    /** The reference implementation's limit on the header length in bytes. */
    static final long MAX_BYTES = 100_000_000;
    /** Size in bytes of the length field before the header. */
    static final int PREFIX = Long.BYTES;
    /** The key of the metadata strings. */
    static final String METADATA = "__metadata__";

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int MAX_NUMBER_LENGTH = 1000;
    /** Names may be as long as the header; interning all of them would fill memory. */
    private static final JsonFactory JSON = JsonFactory.builder().streamReadConstraints(StreamReadConstraints.builder()
        .maxNumberLength(MAX_NUMBER_LENGTH).maxStringLength(Integer.MAX_VALUE).maxNameLength(Integer.MAX_VALUE).build())
        .disable(JsonFactory.Feature.INTERN_FIELD_NAMES).build();

    private final Path file;
    private final long fileSize;
    private final Map<String, TensorEntry> tensors = new LinkedHashMap<>();
    private Map<String, String> metadata;
    private long dataStart;

    private SafetensorsHeader(Path file, long fileSize) {
        this.file = file;
        this.fileSize = fileSize;
    }

    /**
     * Reads the header at the start of a file.
     *
     * @param file the file's path, for errors
     * @param content the whole file
     * @return the validated header
     * @throws FileException if the header is invalid
     */
    static SafetensorsHeader read(Path file, MemorySegment content) {
        var header = new SafetensorsHeader(file, content.byteSize());
        header.parse(header.bytes(content));
        header.checkLayout();
        return header;
    }

    /** The metadata strings, in file order. */
    Map<String, String> metadata() {
        return metadata == null ? Map.of() : Collections.unmodifiableMap(metadata);
    }

    /** The tensors in the order of their data. */
    List<TensorEntry> entries() {
        return tensors.values().stream().sorted(Comparator.comparingLong(TensorEntry::offset).thenComparingLong(TensorEntry::byteSize)).toList();
    }

    private byte[] bytes(MemorySegment content) {
        if (!MistakenFile.isSafetensors(content)) {
            MistakenFile.kind(content).ifPresent(kind -> {
                throw error(0, kind);
            });
            if (MistakenFile.isZip(content)) {
                throw error(0, "is a zip archive; if it is one of PyTorch's files of weights, its name must end in .bin, as in pytorch_model.bin");
            }
        }
        if (fileSize < PREFIX) {
            throw error(0, "the file has %d bytes, too few for the 8 bytes of a header length".formatted(fileSize));
        }
        long length = content.get(LENGTH, 0);
        if (Long.compareUnsigned(length, MAX_BYTES) > 0) {
            throw error(0, "header length %s is above the format's limit of %d bytes: is this a safetensors file?"
                .formatted(Long.toUnsignedString(length), MAX_BYTES));
        }
        if (length > fileSize - PREFIX) {
            throw error(0, "header length %d goes past the end of the file, which has %d bytes: is it truncated?".formatted(length, fileSize));
        }
        dataStart = PREFIX + length;
        byte[] header = content.asSlice(PREFIX, length).toArray(ValueLayout.JAVA_BYTE);
        if (header.length < 2 || header[0] != '{') {
            throw error(PREFIX, "the header does not start with '{'");
        }
        // Jackson would interpret a zero as second byte as UTF-16.
        if (header[1] == 0) {
            throw error(PREFIX + 1, "the header is not JSON: a zero byte");
        }
        try {
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(header));
        } catch (CharacterCodingException e) {
            throw new FileException("safetensors", file, null, PREFIX, "the header is not valid UTF-8", e);
        }
        return header;
    }

    private void parse(byte[] header) {
        try (JsonParser json = JSON.createParser(header)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                long place = place(json);
                if (name.equals(METADATA)) {
                    if (metadata != null) {
                        throw error(place, "%s occurs twice".formatted(METADATA));
                    }
                    metadata = readMetadata(json);
                } else if (tensors.containsKey(name)) {
                    throw new FileException("safetensors", file, name, place, "the name occurs twice in the header");
                } else {
                    tensors.put(name, readTensor(json, name, place));
                }
            }
            if (json.nextToken() != null) {
                throw error(place(json), "the header goes on after its closing '}'");
            }
        } catch (JsonProcessingException e) {
            long place = e.getLocation() == null ? PREFIX : PREFIX + Math.max(0, e.getLocation().getByteOffset());
            throw new FileException("safetensors", file, null, place, "the header is not valid JSON: " + switch (e) {
                case JsonEOFException _ -> "it ends in the middle of a value";
                case StreamConstraintsException _ -> "it has a number of more than %,d characters".formatted(MAX_NUMBER_LENGTH);
                default -> "it has a syntax error";
            }, e);
        } catch (IOException e) {
            throw new FileException("safetensors", file, null, PREFIX, "the header cannot be read: " + AtomicFiles.reason(e), e);
        }
    }

    private Map<String, String> readMetadata(JsonParser json) throws IOException {
        if (json.nextToken() != JsonToken.START_OBJECT) {
            throw error(place(json), "%s must be an object of strings".formatted(METADATA));
        }
        var strings = new LinkedHashMap<String, String>();
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
                throw error(place(json), "%s.%s must be a string".formatted(METADATA, FileException.shorten(key)));
            }
            if (strings.putIfAbsent(key, json.getText()) != null) {
                throw error(place(json), "%s.%s occurs twice".formatted(METADATA, FileException.shorten(key)));
            }
        }
        return strings;
    }

    private TensorEntry readTensor(JsonParser json, String name, long place) throws IOException {
        if (json.nextToken() != JsonToken.START_OBJECT) {
            throw new FileException("safetensors", file, name, place, "must be an object with dtype, shape and data_offsets");
        }
        StoredType type = null;
        long[] shape = null;
        long[] offsets = null;
        while (json.nextToken() == JsonToken.FIELD_NAME) {
            String key = json.currentName();
            long at = place(json);
            boolean repeated = switch (key) {
                case "dtype" -> type != null;
                case "shape" -> shape != null;
                case "data_offsets" -> offsets != null;
                default -> throw new FileException("safetensors", file, name, at,
                    "unexpected key '%s'".formatted(FileException.shorten(key)));
            };
            if (repeated) {
                throw new FileException("safetensors", file, name, at, "%s occurs twice".formatted(key));
            }
            switch (key) {
                case "dtype" -> type = readType(json, name);
                case "shape" -> shape = readNumbers(json, name, "shape");
                default -> offsets = readNumbers(json, name, "data_offsets");
            }
        }
        if (type == null || shape == null || offsets == null) {
            throw new FileException("safetensors", file, name, place,
                "has no %s".formatted(type == null ? "dtype" : shape == null ? "shape" : "data_offsets"));
        }
        return entry(name, type, shape, offsets, place);
    }

    private StoredType readType(JsonParser json, String name) throws IOException {
        if (json.nextToken() != JsonToken.VALUE_STRING) {
            throw new FileException("safetensors", file, name, place(json), "dtype must be a string");
        }
        String text = json.getText();
        long at = place(json);
        return StoredType.named(text).orElseThrow(() -> new FileException("safetensors", file, name, at,
            "unknown dtype '%s'".formatted(FileException.shorten(text))));
    }

    private long[] readNumbers(JsonParser json, String name, String key) throws IOException {
        if (json.nextToken() != JsonToken.START_ARRAY) {
            throw new FileException("safetensors", file, name, place(json), key + " must be an array of integers");
        }
        var numbers = new ArrayList<Long>();
        while (json.nextToken() != JsonToken.END_ARRAY) {
            boolean fits = json.currentToken() == JsonToken.VALUE_NUMBER_INT && json.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
            if (!fits || json.getLongValue() < 0) {
                throw new FileException("safetensors", file, name, place(json),
                    "%s must contain integers from 0 to 2^63 - 1, not %s".formatted(key, FileException.shorten(json.getText())));
            }
            numbers.add(json.getLongValue());
        }
        return numbers.stream().mapToLong(Long::longValue).toArray();
    }

    private TensorEntry entry(String name, StoredType type, long[] extents, long[] offsets, long place) {
        if (offsets.length != 2 || offsets[0] > offsets[1]) {
            throw new FileException("safetensors", file, name, place,
                "data_offsets must be [start, end] with start <= end, not %s".formatted(FileException.shorten(Arrays.toString(offsets))));
        }
        try {
            Shape shape = Shape.of(extents);
            long bits = Math.multiplyExact(shape.elementCount(), (long) type.bits());
            if (bits % Byte.SIZE != 0) {
                throw new FileException("safetensors", file, name, place, "%s x %s is not a whole number of bytes".formatted(shape, type));
            }
            if (bits / Byte.SIZE != offsets[1] - offsets[0]) {
                throw new FileException("safetensors", file, name, place, "%s x %s needs %d bytes, but data_offsets [%d, %d] span %d"
                    .formatted(shape, type, bits / Byte.SIZE, offsets[0], offsets[1], offsets[1] - offsets[0]));
            }
            return new TensorEntry(file, name, type, shape, Math.addExact(dataStart, offsets[0]), bits / Byte.SIZE);
        } catch (ShapeException | ArithmeticException e) {
            throw new FileException("safetensors", file, name, place, "the size overflows 64 bits: %s x %s at data_offsets [%d, %d]"
                .formatted(FileException.shorten(Arrays.toString(extents)), type, offsets[0], offsets[1]), e);
        }
    }

    private void checkLayout() {
        long next = dataStart;
        String before = "the header";
        for (TensorEntry entry : entries()) {
            if (entry.offset() < next) {
                throw new FileException("safetensors", file, entry.name(), entry.offset(),
                    "overlaps %s, which ends at byte %d".formatted(before, next));
            }
            if (entry.offset() > next) {
                throw new FileException("safetensors", file, entry.name(), entry.offset(),
                    "leaves a gap of %d bytes after %s".formatted(entry.offset() - next, before));
            }
            if (entry.byteSize() > fileSize - entry.offset()) {
                throw new FileException("safetensors", file, entry.name(), entry.offset(),
                    "its %d bytes go past the end of the file, which has %d bytes: is it truncated?".formatted(entry.byteSize(), fileSize));
            }
            next = entry.offset() + entry.byteSize();
            before = "tensor '%s'".formatted(FileException.shorten(entry.name()));
        }
        if (next != fileSize) {
            throw error(next, "the file goes on after the last tensor (bytes left: %d)".formatted(fileSize - next));
        }
    }

    private static long place(JsonParser json) {
        return PREFIX + Math.max(0, json.currentTokenLocation().getByteOffset());
    }

    private FileException error(long offset, String problem) {
        return new FileException("safetensors", file, null, offset, problem);
    }
}
