package kept;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.concurrent.atomic.AtomicInteger;
import kept.distributed.Communicator;

/** A communicator one of whose methods fails after some calls, as where another rank is lost or this one has an error of its own. */
public final class FailingCommunicator {
    private FailingCommunicator() {}

    /**
     * Wraps a communicator.
     *
     * @param communicator does the work
     * @param name the method's
     * @param calls how many calls of the method succeed
     * @param failure what the next calls throw
     * @return the communicator
     */
    public static Communicator of(Communicator communicator, String name, int calls, RuntimeException failure) {
        var left = new AtomicInteger(calls);
        var types = new Class<?>[] {Communicator.class};
        return (Communicator) Proxy.newProxyInstance(Communicator.class.getClassLoader(), types, (_, method, arguments) -> {
            if (method.getName().equals(name) && left.decrementAndGet() < 0) {
                throw failure;
            }
            try {
                return method.invoke(communicator, arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            }
        });
    }
}
