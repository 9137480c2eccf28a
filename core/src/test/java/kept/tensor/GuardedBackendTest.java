package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.util.Arrays;
import kept.backend.Backend;
import org.junit.jupiter.api.Test;

class GuardedBackendTest {
    /** A default that it inherited would run the composition instead of the device's own kernel, without a word. */
    @Test
    void handsOnEveryMethodOfABackend() {
        assertThat(Backend.class.getMethods()).hasSizeGreaterThan(40)
                .allSatisfy(method -> assertThat(declares(method)).as(method.toString()).isTrue());
    }

    private static boolean declares(Method method) {
        return Arrays.stream(GuardedBackend.class.getDeclaredMethods())
                .anyMatch(own -> own.getName().equals(method.getName()) && Arrays.equals(own.getParameterTypes(), method.getParameterTypes()));
    }
}
