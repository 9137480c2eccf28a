package kept.cuda.virtual;

import java.util.List;

/** An operand of a PTX statement, names resolved to the scope they stand in. */
sealed interface Operand {
    /** The files of registers: predicates, those of up to 32 bits, those of 64. */
    enum File { PREDICATE, WORD, LONG }

    /** A register, by a name that is its own in the whole function; a predicate may be negated. */
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
