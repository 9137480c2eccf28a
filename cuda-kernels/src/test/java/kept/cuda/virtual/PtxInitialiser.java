package kept.cuda.virtual;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Map;

/** Parses the initial value of a variable: numbers in nested braces, or addresses of other variables. */
final class PtxInitialiser {
    private final PtxTokens tokens;
    private final int width;
    private final Map<Integer, String> pointers;
    private ByteBuffer bytes;

    PtxInitialiser(PtxTokens tokens, int width, int size, Map<Integer, String> pointers) {
        this.tokens = tokens;
        this.width = width;
        this.pointers = pointers;
        this.bytes = buffer(Math.max(size, 0));
    }

    byte[] bytes() {
        int size = bytes.capacity();
        value();
        return Arrays.copyOf(bytes.array(), size == 0 ? bytes.position() : size);
    }

    private void value() {
        if (tokens.accept("{")) {
            while (!tokens.accept("}")) {
                value();
                tokens.accept(",");
            }
            return;
        }
        if (bytes.remaining() < width) {
            bytes = buffer(2 * bytes.capacity() + 8).put(Arrays.copyOf(bytes.array(), bytes.position()));
        }
        String word = tokens.peek();
        if (word.equals("-") || Character.isDigit(word.charAt(0))) {
            number(PtxBody.literal(tokens));
        } else {
            tokens.take();
            if (tokens.accept("(")) {
                word = tokens.take();
                tokens.expect(")");
            }
            if (width != 8) {
                throw tokens.error("an address in elements of " + width + " bytes");
            }
            pointers.put(bytes.position(), word);
            bytes.putLong(tokens.accept("+") ? PtxBody.literal(tokens).bits() : 0);
        }
    }

    private void number(Operand.Literal literal) {
        switch (width) {
            case 1 -> bytes.put((byte) literal.bits());
            case 2 -> bytes.putShort((short) literal.bits());
            case 4 -> bytes.putInt((int) literal.bits());
            default -> bytes.putLong(literal.bits());
        }
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
}
