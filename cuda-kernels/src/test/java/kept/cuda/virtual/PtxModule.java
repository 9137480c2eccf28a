package kept.cuda.virtual;

import java.util.List;
import java.util.Map;

/** A parsed PTX text. */
record PtxModule(String file, String version, String target, Map<String, Function> functions, List<Variable> variables) {
    /** A state space for variables. */
    enum Space { GLOBAL, CONST, SHARED, LOCAL, PARAM }

    /**
     * A variable or parameter.
     *
     * @param bytes size in bytes; negative for dynamic shared memory
     * @param initial initial bytes; null for zeros
     * @param pointers symbols by byte offset, for elements that are initialized with an address
     */
    record Variable(String name, Space space, int align, long bytes, byte[] initial, Map<Integer, String> pointers) {}

    /** An instruction; the guard is a predicate register or null. */
    record Statement(int line, Operand.Register guard, String opcode, List<Operand> operands, String text) {}

    /**
     * A kernel or a function.
     *
     * @param labels index of the statement after each label
     * @param branchTargets lists of labels by the label of the list
     * @param maxThreads maximum threads per block; 0 if not specified
     * @param maxRegisters maximum registers of a thread; 0 if not specified
     */
    record Function(
            String name,
            boolean entry,
            int line,
            List<Variable> results,
            List<Variable> parameters,
            List<Variable> variables,
            List<Statement> statements,
            Map<String, Integer> labels,
            Map<String, List<String>> branchTargets,
            int maxThreads,
            int maxRegisters) {}
}
