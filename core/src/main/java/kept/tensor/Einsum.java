package kept.tensor;

import java.util.ArrayList;
import java.util.List;
import kept.tensor.internal.Arguments;

/**
 * Sums of products in Einstein notation. A letter names an axis. Operands are contracted from left to right; an axis is summed as soon as neither the
 * result nor a later operand names it, by a matrix product if two operands have it.
 */
final class Einsum {
    private static final String NAME = "einsum";
    /** Letters for the axes of an ellipsis, aligned at the innermost axis. */
    private static final int ELLIPSIS = 0xe000;

    private final String equation;
    private final List<Term> terms = new ArrayList<>();
    private String result;

    /** An operand and its axes' letters. */
    private record Term(String letters, Tensor tensor) {
        long size(char letter) {
            int axis = letters.indexOf(letter);
            return axis < 0 ? 1 : tensor.size(axis);
        }
    }

    private Einsum(String equation) {
        this.equation = equation;
    }

    static Tensor of(String equation, Tensor... operands) {
        Arguments.present(NAME, "the equation", equation);
        Arguments.usable(NAME, Arguments.present(NAME, "the array of operands", operands));
        var sum = new Einsum(equation);
        sum.parse(operands);
        return sum.compute();
    }

    private void parse(Tensor... operands) {
        String[] sides = equation.replace(" ", "").split("->", -1);
        String[] inputs = sides[0].split(",", -1);
        if (sides.length > 2 || inputs.length != operands.length) {
            throw error("names %d operands for %d tensors".formatted(inputs.length, operands.length));
        }
        int ellipsis = 0;
        for (int i = 0; i < operands.length; i++) {
            if (!operands[i].dtype().isFloating()) {
                throw new DTypeException("[einsum] needs floating operands, not %s; cast them first".formatted(operands[i].dtype().label()));
            }
            int rank = operands[i].rank();
            String letters = expanded(inputs[i], rank - letterCount(inputs[i]));
            if (letters.length() != rank) {
                throw error("'%s' does not name the %d axes of %s".formatted(inputs[i], rank, operands[i].shape()));
            }
            ellipsis = Math.max(ellipsis, rank - letterCount(inputs[i]));
            terms.add(diagonal(new Term(letters, operands[i])));
        }
        result = sides.length == 2 ? expanded(sides[1], ellipsis) : implicitResult(ellipsis);
        for (int i = 0; i < result.length(); i++) {
            char letter = result.charAt(i);
            if (result.indexOf(letter) != i || terms.stream().noneMatch(term -> term.letters.indexOf(letter) >= 0)) {
                throw error("the result's '%s' is named twice, or by no operand".formatted(letter));
            }
        }
    }

    private int letterCount(String letters) {
        return (int) letters.chars().filter(Character::isLetter).count();
    }

    private String expanded(String letters, int count) {
        int dots = letters.indexOf("...");
        String rest = dots < 0 ? letters : letters.substring(0, dots) + letters.substring(dots + 3);
        if (!rest.chars().allMatch(letter -> letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z')) {
            throw error("'%s' has characters other than letters and one ellipsis".formatted(letters));
        }
        if (dots < 0) {
            return rest;
        }
        var axes = new StringBuilder();
        for (int i = count; i > 0; i--) {
            axes.append((char) (ELLIPSIS + i));
        }
        return letters.substring(0, dots) + axes + letters.substring(dots + 3);
    }

    /** The implicit result: the ellipsis, then the letters that occur once, in alphabetical order. */
    private String implicitResult(int ellipsis) {
        String all = String.join("", terms.stream().map(Term::letters).toList());
        String inputs = equation.replace(" ", "");
        String once = inputs.chars().filter(Character::isLetter).filter(letter -> inputs.indexOf(letter) == inputs.lastIndexOf(letter)).sorted()
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
        return (all.chars().anyMatch(letter -> letter >= ELLIPSIS) ? expanded("...", ellipsis) : "") + once;
    }

    /** Takes the diagonal of axes that have the same letter. */
    private Term diagonal(Term term) {
        String letters = term.letters;
        for (int second = 1; second < letters.length(); second++) {
            int first = letters.indexOf(letters.charAt(second));
            if (first == second) {
                continue;
            }
            Tensor x = term.tensor;
            long size = x.size(first);
            if (size != x.size(second)) {
                throw error("'%s' names axes of different extents of %s".formatted(letters.charAt(second), x.shape()));
            }
            int[] axes = new int[x.rank()];
            int next = 0;
            for (int axis = 0; axis < axes.length; axis++) {
                if (axis != first && axis != second) {
                    axes[next++] = axis;
                }
            }
            axes[next++] = first;
            axes[next] = second;
            Tensor last = x.permute(axes).flatten(-2, -1).slice(-1, 0, size * size, size + 1);
            String left = new StringBuilder(letters).deleteCharAt(second).deleteCharAt(first).append(letters.charAt(second)).toString();
            return diagonal(new Term(left, last));
        }
        return term;
    }

    private Tensor compute() {
        checkExtents();
        Term joined = summed(terms.getFirst(), 1);
        for (int i = 1; i < terms.size(); i++) {
            joined = join(joined, terms.get(i), i + 1);
        }
        int[] axes = new int[result.length()];
        for (int i = 0; i < axes.length; i++) {
            axes[i] = joined.letters.indexOf(result.charAt(i));
        }
        Tensor ordered = axes.length < 2 ? joined.tensor : joined.tensor.permute(axes);
        return ordered == terms.getFirst().tensor ? ordered.copy() : ordered;
    }

    private void checkExtents() {
        for (Term one : terms) {
            for (Term other : terms) {
                for (char letter : one.letters.toCharArray()) {
                    long size = one.size(letter);
                    long partner = other.size(letter);
                    if (size != partner && size != 1 && partner != 1) {
                        throw error("'%s' is %d of %s and %d of %s".formatted(letter, size, one.tensor.shape(), partner, other.tensor.shape()));
                    }
                }
            }
        }
    }

    /** Whether the result or an operand from an index on names an axis. */
    private boolean isNeeded(char letter, int next) {
        return result.indexOf(letter) >= 0 || terms.subList(next, terms.size()).stream().anyMatch(term -> term.letters.indexOf(letter) >= 0);
    }

    /** Sums over the axes that are no longer needed. */
    private Term summed(Term term, int next) {
        String kept = kept(term.letters, next, true);
        if (kept.length() == term.letters.length()) {
            return term;
        }
        int[] axes = kept(term.letters, next, false).chars().map(term.letters::indexOf).toArray();
        return new Term(kept, term.tensor.sum(axes));
    }

    private String kept(String letters, int next, boolean needed) {
        return letters.chars().filter(letter -> isNeeded((char) letter, next) == needed)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
    }

    private Term join(Term left, Term right, int next) {
        // Axes that only one of the two has and that are no longer needed.
        Term a = summedBut(left, right, next);
        Term b = summedBut(right, left, next);
        var shared = new StringBuilder();
        var contracted = new StringBuilder();
        var ofLeft = new StringBuilder();
        for (char letter : a.letters.toCharArray()) {
            boolean isShared = b.letters.indexOf(letter) >= 0;
            (isShared ? isNeeded(letter, next) ? shared : contracted : ofLeft).append(letter);
        }
        var ofRight = new StringBuilder();
        b.letters.chars().filter(letter -> a.letters.indexOf(letter) < 0).forEach(letter -> ofRight.append((char) letter));
        String letters = shared.toString() + ofLeft + ofRight;
        if (contracted.isEmpty()) {
            return new Term(letters, arranged(a, letters).mul(arranged(b, letters)));
        }
        Tensor matrices = arranged(stretched(a, b), shared.toString() + ofLeft + contracted);
        Tensor others = arranged(stretched(b, a), shared.toString() + contracted + ofRight);
        long rows = count(matrices, shared.length(), ofLeft.length());
        long inner = count(matrices, shared.length() + ofLeft.length(), contracted.length());
        long columns = count(others, shared.length() + contracted.length(), ofRight.length());
        long batch = count(matrices, 0, shared.length());
        Tensor product = matrices.reshape(batch, rows, inner).matmul(others.reshape(batch, inner, columns));
        long[] shape = letters.chars().mapToLong(letter -> a.size((char) letter) == 1 ? b.size((char) letter) : a.size((char) letter)).toArray();
        return new Term(letters, product.reshape(shape));
    }

    private Term summedBut(Term term, Term partner, int next) {
        int[] axes = term.letters.chars().filter(letter -> !isNeeded((char) letter, next) && partner.letters.indexOf(letter) < 0)
                .map(term.letters::indexOf).toArray();
        if (axes.length == 0) {
            return term;
        }
        var kept = new StringBuilder();
        term.letters.chars().filter(letter -> isNeeded((char) letter, next) || partner.letters.indexOf(letter) >= 0)
                .forEach(letter -> kept.append((char) letter));
        return new Term(kept.toString(), term.tensor.sum(axes));
    }

    /** Broadcasts axes of extent 1 to the partner's extent. */
    private static Term stretched(Term term, Term partner) {
        long[] shape = term.tensor.shape().toArray();
        for (int axis = 0; axis < shape.length; axis++) {
            char letter = term.letters.charAt(axis);
            shape[axis] = shape[axis] == 1 && partner.letters.indexOf(letter) >= 0 ? partner.size(letter) : shape[axis];
        }
        return new Term(term.letters, term.tensor.expand(shape));
    }

    /** A view with the axes in a given order; missing axes have extent 1. */
    private static Tensor arranged(Term term, String letters) {
        int[] axes = letters.chars().map(term.letters::indexOf).filter(axis -> axis >= 0).toArray();
        Tensor x = axes.length < 2 ? term.tensor : term.tensor.permute(axes);
        long[] shape = letters.chars().mapToLong(letter -> term.size((char) letter)).toArray();
        return shape.length == x.rank() ? x : x.reshape(shape);
    }

    private static long count(Tensor x, int from, int axes) {
        long count = 1;
        for (int axis = from; axis < from + axes; axis++) {
            count *= x.size(axis);
        }
        return count;
    }

    private TensorException error(String what) {
        return new ShapeException("[einsum] '%s': %s".formatted(equation, what));
    }
}
