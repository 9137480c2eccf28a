package kept.cuda.virtual;

import java.util.List;

/** An operand of a PTX statement, with names resolved in their scope. */
sealed interface Operand {
    /** Register files: predicates, registers of up to 32 bits, registers of 64 bits. */
    enum File { PREDICATE, WORD, LONG }

    /** A register with a name that is unique in the function; a predicate may be negated. */
    record Register(String name, File file, int bits, boolean negated) implements Operand {}

    /** A literal: an integer, or the bits of an f32 ({@code 0f}) or of an f64 ({@code 0d}, or with a decimal point). */
    record Literal(long bits, Kind kind) implements Operand {
        enum Kind { INTEGER, F32, F64 }
    }

    /** A variable, function, label or special register. */
    record Symbol(String name) implements Operand {}

    /** {@code [base + offset]}; the base is a register, a symbol or, for an absolute address, absent. */
    record Address(Operand base, long offset) implements Operand {}

    /** {@code {a, b}}, or the parenthesised list of a call. */
    record Vector(List<Operand> elements) implements Operand {}

    /** {@code a|b}: a destination with a second one. */
    record Pair(Operand first, Operand second) implements Operand {}
}
