package kept.cuda.virtual;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Copies of an instruction's class, each with an arithmetic function built in. In one loop over lanes that all functions share, each lane would pay a
 * call that the compiler cannot see through; a hidden class for each function gives it one loop to compile for each.
 */
final class Specialised {
    private Specialised() {}

    /** The constructor of a copy of the template whose function is this one; the template has one constructor, without parameters. */
    static MethodHandle constructor(Class<? extends Instruction> template, Object function) {
        String name = template.getName();
        try (InputStream code = template.getResourceAsStream(name.substring(name.lastIndexOf('.') + 1) + ".class")) {
            MethodHandles.Lookup copy = MethodHandles.lookup().defineHiddenClassWithClassData(code.readAllBytes(), function, true);
            return copy.findConstructor(copy.lookupClass(), MethodType.methodType(void.class)).asType(MethodType.methodType(Instruction.class));
        } catch (IOException | ReflectiveOperationException e) {
            throw new IllegalStateException("[virtual gpu] " + name + " cannot be specialised", e);
        }
    }

    /** The function of the copy that asks. */
    static <F> F function(MethodHandles.Lookup copy, Class<F> type) {
        try {
            return MethodHandles.classData(copy, "_", type);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("[virtual gpu] " + copy.lookupClass() + " has no function", e);
        }
    }
}
