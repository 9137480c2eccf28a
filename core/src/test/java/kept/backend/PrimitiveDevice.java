package kept.backend;

import java.lang.reflect.Constructor;
import kept.tensor.Device;

/** The device over {@link PrimitiveBackend}. */
public final class PrimitiveDevice {
    private static final Device DEVICE = make();

    private PrimitiveDevice() {}

    /**
     * The device, always the same one.
     *
     * @return the device
     */
    public static Device get() {
        return DEVICE;
    }

    private static Device make() {
        try {
            Constructor<Device> constructor = Device.class.getDeclaredConstructor(String.class, Backend.class);
            constructor.setAccessible(true);
            return constructor.newInstance("primitive", new PrimitiveBackend());
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }
}
