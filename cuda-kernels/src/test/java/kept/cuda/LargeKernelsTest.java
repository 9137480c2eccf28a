package kept.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Every kernel has a test with operands of more than 2^31 elements, or a reason why it has no such operands. */
class LargeKernelsTest {
    private static final Pattern ENTRY = Pattern.compile("\\.entry (\\w+)");
    private static final List<Class<?>> TESTS = List.of(LargeElementsTest.class, LargeElementPartsTest.class, LargeRowsTest.class,
            LargeRowPartsTest.class, LargeLimitsTest.class);

    private static Set<String> kernels() {
        Set<String> kernels = new TreeSet<>();
        for (String module : CommittedPtx.modules()) {
            Matcher entry = ENTRY.matcher(CommittedPtx.text(module));
            while (entry.find()) {
                kernels.add(entry.group(1));
            }
        }
        return kernels;
    }

    @Test
    void everyKernelIsOfOneRowAndEveryRowHasKernels() {
        Set<String> kernels = kernels();
        assertThat(kernels).hasSizeGreaterThan(400);
        for (String kernel : kernels) {
            assertThat(LargeKernels.ROWS_OF_ALL.stream().filter(row -> row.has(kernel))).as("rows of LargeKernels for %s", kernel).hasSize(1);
        }
        assertThat(LargeKernels.ROWS_OF_ALL).allSatisfy(row -> {
            assertThat(kernels).as(row.names().pattern()).anyMatch(row::has);
            assertThat((row.test() == null) != (row.reason() == null)).as(row.names().pattern()).isTrue();
        });
    }

    @Test
    void everyNamedTestExistsAndChecksItsKernels() {
        Set<String> methods = TESTS.stream().flatMap(type -> Stream.of(type.getDeclaredMethods())
                .filter(method -> method.isAnnotationPresent(Test.class))
                .map(method -> type.getSimpleName() + "." + method.getName())).collect(Collectors.toSet());
        assertThat(LargeKernels.ROWS_OF_ALL.stream().map(LargeKernels.Row::test).filter(Objects::nonNull)).isSubsetOf(methods);
        assertThat(TESTS).allSatisfy(type -> assertThat(type.getAnnotation(ExtendWith.class).value()).contains(LargeKernels.class));
    }
}
