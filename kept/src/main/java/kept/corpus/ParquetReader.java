package kept.corpus;

import dev.hardwood.InputFile;
import dev.hardwood.metadata.PhysicalType;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqMap;
import dev.hardwood.row.PqStruct;
import dev.hardwood.row.StructAccessor;
import dev.hardwood.schema.ColumnProjection;
import dev.hardwood.schema.SchemaNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import kept.text.Reasons;
import kept.text.TextFiles;

/**
 * A Parquet file, each row a document: the text or the conversation in one of its columns. Only the columns that may hold it are read, and one page
 * of each at a time. Rows whose text is null or white space are skipped and counted.
 */
final class ParquetReader implements DocumentReader {
    private static final List<String> OF_CONVERSATIONS = List.of("tools", "system");

    private final TextSource source;
    private final RecordText records;
    private final ParquetFileReader file;
    private final RowReader rows;
    private final List<String> columns;
    /** Whether the first column is a text and not a list of messages. */
    private final boolean isText;
    private final long count;
    private long row;
    private long empty;

    private ParquetReader(TextSource source, String field, ParquetFileReader file) {
        this.source = source;
        this.records = new RecordText(field);
        this.file = file;
        this.count = file.getFileMetaData().numRows();
        List<String> fields = file.getFileSchema().getRootNode().children().stream().map(SchemaNode::name).toList();
        String column = records.field(fields).orElseThrow(() -> records.missing(fields, "[corpus] " + source.where()));
        SchemaNode node = file.getFileSchema().getField(column);
        this.isText = node instanceof SchemaNode.PrimitiveNode primitive && primitive.type() == PhysicalType.BYTE_ARRAY;
        boolean isFlat = node instanceof SchemaNode.PrimitiveNode;
        this.columns = isFlat ? List.of(column) : Stream.concat(Stream.of(column), OF_CONVERSATIONS.stream().filter(fields::contains)).toList();
        this.rows = file.buildRowReader().projection(ColumnProjection.columns(columns.toArray(String[]::new))).build();
    }

    /**
     * Opens a file.
     *
     * @param source the file
     * @param field the column that holds the text
     * @return its documents
     * @throws CorpusException if it is not a whole Parquet file, or has no such column
     */
    static ParquetReader open(TextSource source, String field) {
        ParquetFileReader file = null;
        try {
            file = ParquetFileReader.open(InputFile.of(source.file()));
            return new ParquetReader(source, field, file);
        } catch (CorpusException e) {
            close(source, file);
            throw e;
        } catch (IOException | RuntimeException | LinkageError e) {
            close(source, file);
            throw new CorpusException("[corpus] %s cannot be read as Parquet: %s".formatted(source.where(), reason(e)), e);
        }
    }

    @Override
    public Document next() {
        while (true) {
            Map<String, Object> record = new LinkedHashMap<>();
            try {
                if (!rows.hasNext()) {
                    return null;
                }
                rows.next();
                if (isText) {
                    record.put(columns.getFirst(), text(rows.getBinary(columns.getFirst())));
                } else {
                    columns.forEach(column -> record.put(column, value(rows, column)));
                }
            } catch (CorpusException e) {
                throw e;
            } catch (RuntimeException | LinkageError e) {
                throw new CorpusException("[corpus] %s, row %d, cannot be read: %s; is the file complete?".formatted(
                        source.where(), row + 1, reason(e)), e);
            }
            row++;
            Optional<Document> document = records.ofRecord(record, source.name() + '#' + row, "[corpus] %s, row %d".formatted(source.where(), row));
            if (document.isPresent()) {
                return document.get();
            }
            empty++;
        }
    }

    /** The reader would replace what is no UTF-8. */
    private String text(byte... utf8) {
        if (utf8 == null) {
            return null;
        }
        int bad = TextFiles.firstMalformed(utf8, 0, utf8.length);
        if (bad >= 0) {
            throw new CorpusException("[corpus] %s, row %d, column %s is not UTF-8: byte 0x%02X at offset %d of the value".formatted(
                    source.where(), row + 1, columns.getFirst(), utf8[bad], bad));
        }
        return new String(utf8, StandardCharsets.UTF_8);
    }

    private static Object value(StructAccessor struct, String column) {
        return struct.isNull(column) ? null : plain(struct.getValue(column));
    }

    /** A value as JSON would hold it. */
    private static Object plain(Object value) {
        return switch (value) {
            case null -> null;
            case PqStruct struct -> {
                Map<String, Object> map = new LinkedHashMap<>();
                for (int i = 0; i < struct.getFieldCount(); i++) {
                    map.put(struct.getFieldName(i), value(struct, struct.getFieldName(i)));
                }
                yield map;
            }
            case PqList list -> {
                List<Object> items = new ArrayList<>();
                for (int i = 0; i < list.size(); i++) {
                    items.add(list.isNull(i) ? null : plain(list.get(i)));
                }
                yield items;
            }
            case PqMap map -> {
                Map<String, Object> entries = new LinkedHashMap<>();
                map.getEntries().forEach(entry -> entries.put(String.valueOf(entry.getKey()), plain(entry.getValue())));
                yield entries;
            }
            case Number number -> number;
            case Boolean truth -> truth;
            default -> value.toString();
        };
    }

    /** The reader's own words, on one line, without the file's name, and what may be done. */
    private static String reason(Throwable failure) {
        Throwable cause = failure;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        if (cause instanceof UnsupportedOperationException) {
            return "its compression is not supported; write it with snappy, zstd, gzip or none";
        }
        String words = cause instanceof IOException io ? Reasons.of(io)
                : Objects.requireNonNullElse(cause.getMessage(), cause.getClass().getSimpleName());
        return words.lines().findFirst().orElse("").replaceFirst("^\\[[^]]*] ", "").strip() + "; is it complete?";
    }

    @Override
    public TextExtent extent() {
        return TextExtent.ofFile(count == 0 ? source.size() : (long) ((double) row / count * source.size()), empty);
    }

    @Override
    public void close() {
        rows.close();
        close(source, file);
    }

    private static void close(TextSource source, ParquetFileReader file) {
        try {
            if (file != null) {
                file.close();
            }
        } catch (IOException e) {
            throw new CorpusException("[corpus] %s cannot be closed: %s".formatted(source.where(), Reasons.of(e)), e);
        }
    }
}
