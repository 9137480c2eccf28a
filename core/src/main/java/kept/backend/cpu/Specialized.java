package kept.backend.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Copies of a class, each for one function.
 *
 * <p>A vector loop is fast only if the JIT inlines the function that it applies; a vector that is passed to a call lives on the heap, which is ten to
 * a hundred times slower. In a loop that many functions share the JIT does not inline the call. A copy of the loop's class for each function, a
 * hidden class with the function as a constant, lets the JIT compile one loop for each function, while the source has one loop for all.
 */
final class Specialized {
    private Specialized() {}

    /**
     * Creates an instance of a copy of a class.
     *
     * @param <T> the interface of the class
     * @param template the class, with a constructor without parameters, which keeps {@link #function} in a static final field
     * @param type the interface of the class
     * @param function the function
     * @return the instance
     */
    static <T> T instance(Class<? extends T> template, Class<T> type, Object function) {
        try (InputStream code = template.getResourceAsStream(template.getSimpleName() + ".class")) {
            MethodHandles.Lookup copy = MethodHandles.lookup().defineHiddenClassWithClassData(code.readAllBytes(), function, true);
            return type.cast(copy.findConstructor(copy.lookupClass(), MethodType.methodType(void.class)).invoke());
        } catch (IOException e) {
            throw new IllegalStateException("[cpu] the class file of " + template.getName() + " cannot be read", e);
        } catch (Throwable e) {
            throw new IllegalStateException("[cpu] " + template.getName() + " cannot be specialised", e);
        }
    }

    /**
     * The function of the calling copy.
     *
     * @param <F> the function's type
     * @param copy the lookup of the calling class
     * @param type the function's type
     * @return the function
     */
    static <F> F function(MethodHandles.Lookup copy, Class<F> type) {
        try {
            return MethodHandles.classData(copy, "_", type);
        } catch (IllegalAccessException e) {
            throw new IllegalStateException("[cpu] " + copy.lookupClass() + " has no function", e);
        }
    }
}
