package kept.autograd;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.function.UnaryOperator;
import kept.backend.Backend;
import kept.tensor.DType;
import kept.tensor.Device;

/** The CPU's kernels and memory under another name. */
final class OtherDevice {
    private OtherDevice() {}

    /** A device that differs in name alone. */
    static Device of(String name) {
        return of(name, type -> DType.F32);
    }

    /** A device that says so of the type in which its products take an F32 operand beside another. */
    static Device of(String name, UnaryOperator<DType> productType) {
        Backend cpu = Device.cpu().backend();
        Object backend = Proxy.newProxyInstance(Backend.class.getClassLoader(), new Class<?>[] {Backend.class}, (_, method, arguments) -> {
            if (method.getName().equals("productType")) {
                return productType.apply((DType) arguments[0]);
            }
            try {
                return method.invoke(cpu, arguments);
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
