package kept.cuda;

import kept.cuda.driver.Driver;

/** Blocks of the driver's memory pool, which keeps freed memory. */
final class DriverPool implements DeviceBlocks {
    private final Driver driver;
    private final int device;
    private final long stream;

    DriverPool(Driver driver, int device, long stream) {
        this.driver = driver;
        this.device = device;
        this.stream = stream;
        driver.setReleaseThreshold(device, Long.MAX_VALUE);
    }

    @Override
    public long allocate(long bytes) {
        return driver.allocate(bytes, stream);
    }

    @Override
    public void free(long address) {
        driver.free(address, stream);
    }

    @Override
    public void trim() {
        driver.synchronize(stream);
        driver.trim(device);
    }

    @Override
    public long reserved() {
        return driver.reserved(device);
    }

    @Override
    public String unused() {
        return "";
    }

    @Override
    public void close() {
        // The pool belongs to the device.
    }
}
