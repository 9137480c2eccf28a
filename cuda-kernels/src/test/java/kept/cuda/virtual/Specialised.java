package kept.cuda.virtual;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Copies an instruction's class for each arithmetic function. A loop over lanes that all functions share would contain a megamorphic call per lane,
 * which the JIT cannot inline; a hidden class for each function gives the JIT a separate loop.
 */
final class Specialised {
    private Specialised() {}

    /** Returns the constructor of a copy of the template with this function; the template has one constructor without parameters. */
    static MethodHandle constructor(Class<? extends Instruction> template, Object function) {
        String name = template.getName();
        try (InputStream code = template.getResourceAsStream(name.substring(name.lastIndexOf('.') + 1) + ".class")) {
            MethodHandles.Lookup copy = MethodHandles.lookup().defineHiddenClassWithClassData(code.readAllBytes(), function, true);
            return copy.findConstructor(copy.lookupClass(), MethodType.methodType(void.class)).asType(MethodType.methodType(Instruction.class));
        } catch (IOException | ReflectiveOperationException e) {
            throw new IllegalStateException("[virtual gpu] " + name + " cannot be specialised", e);
        }
    }

    /** Returns the function of the calling copy. */
    static <F> F function(MethodHandles.Lookup copy, Class<F> type) {
        try {
            return MethodHandles.classData(copy, "_", type);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("[virtual gpu] " + copy.lookupClass() + " has no function", e);
        }
    }
}
