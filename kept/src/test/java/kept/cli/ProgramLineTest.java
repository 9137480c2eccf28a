package kept.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import kept.Main;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/** The command lines of {@code kept} and its commands. */
class ProgramLineTest {
    @Test
    void aCommandLineThatBeginsWithACommandHasThisOneAloneAndAsItIsAmongAll() {
        Map<String, CommandLine> all = ProgramLine.of(new Main()).getSubcommands();
        assertThat(all).hasSize(10);
        all.forEach((name, command) -> {
            CommandLine line = ProgramLine.of(new Main(), name, "--help");
            assertThat(line.getSubcommands()).containsOnlyKeys(name);
            CommandLine alone = line.getSubcommands().get(name);
            assertThat(alone.getCommandSpec().name()).isEqualTo(name);
            assertThat(alone.getUsageMessage()).isEqualTo(command.getUsageMessage());
        });
    }

    @Test
    void anyOtherCommandLineHasAllCommands() {
        for (String[] arguments : List.of(new String[0], new String[] {"--help"}, new String[] {"distil", "info"})) {
            assertThat(ProgramLine.of(new Main(), arguments).getSubcommands()).hasSize(10);
        }
    }
}
