package kept.autograd;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.function.UnaryOperator;
import kept.backend.AttentionOperands;
import kept.backend.Backend;
import kept.tensor.DType;
import kept.tensor.Device;

/** The CPU's kernels and memory under another name; attention takes operands of one type. */
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
            if (method.getName().equals("takesRoundedKeys")) {
                return false;
            }
            if (method.getName().startsWith("attention")) {
                requireOneType(arguments[0]);
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

    /** Such a device would compute something else of keys of another type than the queries'. */
    private static void requireOneType(Object operands) {
        switch (operands) {
            case List<?> list -> list.forEach(OtherDevice::requireOneType);
            case AttentionOperands one -> assertThat(one.k().dtype()).isEqualTo(one.q().dtype()).isEqualTo(one.v().dtype());
            default -> { }
        }
    }
}
