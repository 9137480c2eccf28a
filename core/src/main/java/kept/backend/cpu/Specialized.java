package kept.backend.cpu;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/**
 * Copies of a class, each with a function of its own built in.
 *
 * <p>A vector loop is fast only if the compiler sees through the function it applies; a vector that crosses a call lives on the heap, which costs a
 * factor of ten to a hundred. In one loop shared by many functions the call stays a call. A copy of the loop's class for each function, as a hidden
 * class with the function as a constant, gives the compiler one loop to compile for each, while the source has one loop for all.
 */
final class Specialized {
    private Specialized() {}

    /**
     * An instance of a copy of a class.
     *
     * @param <T> what the class is used as
     * @param template the class, with a constructor without parameters, which keeps {@link #function} in a static final field
     * @param type what the class is used as
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
     * The function of the copy that asks.
     *
     * @param <F> the function's type
     * @param copy the lookup of the asking class
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
