package kept.tensor;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import kept.backend.cpu.ChildJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScopeCheckTest {
    @TempDir
    private Path directory;

    @Test
    void scopesThatAreNeverClosedAreReportedWithTheLinesThatOpenedThem() throws Exception {
        ChildJvm child = ChildJvm.run(directory, Forgetful.class, "--add-modules", "jdk.incubator.vector", "-Dkept.scopes=check");
        assertThat(child.status()).isZero();
        assertThat(child.output()).isEmpty();
        assertThat(child.errors().lines().filter(line -> line.startsWith("[scope]"))).hasSize(2).allMatch(line -> line.contains("never closed"))
                .anyMatch(line -> line.contains("Forgetful.detached(Forgetful.java:18) by thread main, with 1 tensor of") && line.endsWith("on cpu"))
                .anyMatch(line -> line.contains("Forgetful.forget(Forgetful.java:25)"));
    }

    @Test
    void aScopeThatNobodyHoldsIsReportedOnceItIsCollected() throws Exception {
        List<String> lines = new ArrayList<>();
        var check = new ScopeCheck(line -> {
            synchronized (lines) {
                lines.add(line);
            }
        });
        open(check);
        for (int i = 0; i < 500; i++) {
            System.gc();
            Thread.sleep(10);
            synchronized (lines) {
                if (!lines.isEmpty()) {
                    break;
                }
            }
        }
        assertThat(lines).singleElement().asString()
                .startsWith("[scope] dropped without being closed, so that its memory is lost: the scope opened at ");
        check.reportOpen();
        assertThat(lines).as("told once").hasSize(1);
    }

    private static void open(ScopeCheck check) {
        check.open(Scope.detached(Device.cpu()));
    }

    @Test
    void closedScopesAreNotReportedAndNothingIsWithoutTheProperty() throws Exception {
        List<String> lines = new ArrayList<>();
        var check = new ScopeCheck(lines::add);
        Scope scope = Scope.detached(Device.cpu());
        ScopeCheck.Opened opened = check.open(scope);
        check.reportOpen();
        assertThat(lines).hasSize(1);
        opened.closed();
        check.reportOpen();
        assertThat(lines).hasSize(1);
        scope.close();
        assertThat(ChildJvm.run(directory, Forgetful.class, "--add-modules", "jdk.incubator.vector").errors()).doesNotContain("[scope]");
        assertThat(ChildJvm.run(directory, Forgetful.class, "--add-modules", "jdk.incubator.vector", "-Dkept.scopes=yes").errors())
                .contains("[scope] -Dkept.scopes=yes is not known; -Dkept.scopes=check reports");
    }
}
