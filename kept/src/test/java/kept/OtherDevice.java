package kept;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import kept.backend.Backend;
import kept.tensor.Device;

/** The CPU under another name, which answers some calls by itself. */
public final class OtherDevice {
    private OtherDevice() {}

    /** Sees the calls of a device's backend. */
    @FunctionalInterface
    public interface Calls {
        /**
         * Answers a call, or leaves it to the CPU.
         *
         * @param method the backend's method
         * @param arguments its arguments; null for none
         * @return its result, or null to leave it to the CPU
         */
        Object answer(Method method, Object... arguments);
    }

    /**
     * Makes a device.
     *
     * @param name its name
     * @param calls is shown every call
     * @return a device that {@link Device#of} does not know
     */
    public static Device of(String name, Calls calls) {
        Backend cpu = Device.cpu().backend();
        Object backend = Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (_, method, arguments) -> {
            Object answer = calls.answer(method, arguments);
            try {
                return answer == null ? method.invoke(cpu, arguments) : answer;
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
        try {
            Constructor<Device> constructor = Device.class.getDeclaredConstructor(String.class, Backend.class);
            constructor.setAccessible(true);
            return constructor.newInstance(name, backend);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
