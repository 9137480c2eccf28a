package kept.cli;

import picocli.CommandLine.ITypeConverter;

/** Reads sizes such as 500MB, 5GB or 4GiB: {@link Quantity}. */
public final class ByteSize implements ITypeConverter<Long> {
    /** For the command line. */
    public ByteSize() {}

    @Override
    public Long convert(String text) {
        return Quantity.bytes(text);
    }
}
