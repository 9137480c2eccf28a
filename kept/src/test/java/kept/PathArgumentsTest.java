package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import kept.cli.PathArguments;
import kept.cli.Program;
import kept.cli.Reads;
import kept.cli.Writes;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Every argument of every command that names a file says what is done with it, so that outputs are tried and inputs protected. */
class PathArgumentsTest {
    /** Words for a value that is the name of a file, or may be one. */
    private static final Set<String> LABELS = Set.of("FILE", "DIR", "NAME=FILE", "NAME=DIR", "PATH", "FOLDER");

    /** Through this file ranks have met before the command line is read; what is something else is refused there (TcpTransportTest). */
    private static final String MEETING = "--rendezvous";

    @Test
    void everyPathIsMarkedAsReadOrWritten() {
        List<String> unannotated = new ArrayList<>();
        Map<String, Writes.Kind> written = new TreeMap<>();
        int[] read = {0};
        Program.commandLine(new Main()).getSubcommands().forEach((command, line) -> arguments(line).forEach(argument -> {
            String name = "%s %s".formatted(command, argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel());
            boolean reads = PathArguments.annotation(argument, Reads.class).isPresent();
            PathArguments.annotation(argument, Writes.class).ifPresent(writes -> written.put(name, writes.value()));
            read[0] += reads ? 1 : 0;
            assertThat(reads && written.containsKey(name)).as(name).isFalse();
            if (isPath(argument) && !reads && !written.containsKey(name) && !name.endsWith(MEETING)) {
                unannotated.add(name);
            }
        }));
        assertThat(unannotated).isEmpty();
        assertThat(read[0]).isGreaterThanOrEqualTo(27);
        assertThat(written).containsExactlyEntriesOf(new TreeMap<>(Map.ofEntries(
                Map.entry("compare --html", Writes.Kind.FILE), Map.entry("compare --json", Writes.Kind.FILE),
                Map.entry("convert --output", Writes.Kind.DIRECTORY),
                Map.entry("convert --spill", Writes.Kind.TEMPORARY_FILES), Map.entry("distill --output", Writes.Kind.DIRECTORY),
                Map.entry("distill --record", Writes.Kind.DIRECTORY),
                Map.entry("distill --spill", Writes.Kind.TEMPORARY_FILES), Map.entry("distill --tensorboard", Writes.Kind.ADDED_FILES),
                Map.entry("evaluate --json", Writes.Kind.FILE),
                Map.entry("export --output", Writes.Kind.NEW_FILE), Map.entry("logits --output", Writes.Kind.FILE),
                Map.entry("pretrain --output", Writes.Kind.DIRECTORY), Map.entry("pretrain --tensorboard", Writes.Kind.ADDED_FILES),
                Map.entry("verify --html", Writes.Kind.FILE),
                Map.entry("verify --json", Writes.Kind.FILE))));
    }

    private static Stream<ArgSpec> arguments(CommandLine line) {
        return Stream.concat(line.getCommandSpec().options().stream(), line.getCommandSpec().positionalParameters().stream());
    }

    private static boolean isPath(ArgSpec argument) {
        return argument.type() == Path.class || List.of(argument.auxiliaryTypes()).contains(Path.class) || LABELS.contains(argument.paramLabel());
    }
}
