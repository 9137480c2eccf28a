package kept;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import kept.cli.PathArguments;
import kept.cli.Program;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/** Every program takes a model by its folder in the Hugging Face cache, and by its name on the Hub. */
class HubNamesTest {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    @TempDir
    private Path root;

    private Path folder;

    /** The layout of huggingface_hub: files are links to blobs. */
    @BeforeEach
    void fill() throws IOException {
        folder = root.resolve("models--small--orion");
        Path blobs = folder.resolve("blobs");
        Path snapshot = Files.createDirectories(folder.resolve("snapshots").resolve(COMMIT));
        Files.createDirectories(folder.resolve("refs"));
        Files.writeString(folder.resolve("refs/main"), COMMIT);
        TinyTeacher.write(blobs);
        try (Stream<Path> files = Files.list(blobs)) {
            for (Path file : files.toList()) {
                Files.createSymbolicLink(snapshot.resolve(file.getFileName()), Path.of("../../blobs").resolve(file.getFileName()));
            }
        }
    }

    @Test
    void everyModelDirectoryMayBeNamed() {
        var models = new TreeSet<String>();
        Program.commandLine(new Main()).getSubcommands().forEach((command, line) -> Stream.concat(line.getCommandSpec().options().stream(),
                line.getCommandSpec().positionalParameters().stream()).filter(PathArguments::isModel)
                .forEach(argument -> models.add(command + " " + name(argument))));
        assertThat(models).containsExactly("compare --student", "compare --teacher", "convert --model", "distill --student", "distill --teacher",
                "evaluate --model", "evaluate --teacher", "evaluate DIR", "export --model", "generate --model", "info --model", "info DIR",
                "logits --model", "pretrain --tokenizer", "verify --student", "verify --teacher");
    }

    private static String name(ArgSpec argument) {
        return argument instanceof OptionSpec option ? option.longestName() : argument.paramLabel();
    }

    @Test
    void aFolderOfTheCacheIsConvertedAndComparedLikeADirectory() throws IOException {
        Path llama = root.resolve("llama");
        ProgramRun converted = ProgramRun.of("convert", "--model", folder, "--output", llama);
        assertThat(converted.code()).as(converted.err()).isZero();
        Path direct = root.resolve("direct");
        assertThat(ProgramRun.of("convert", "--model", folder.resolve("blobs"), "--output", direct).code()).isZero();
        assertThat(llama.resolve("model.safetensors")).hasSameBinaryContentAs(direct.resolve("model.safetensors"));
        Path text = TinyTeacher.text(root.resolve("text.txt"));
        ProgramRun compared = ProgramRun.of("compare", "--teacher", folder, "--student", "same=" + folder, "--mappings", "opm", "--dtype", "f32",
                "--held-out", "a=" + text, "--evaluation-tokens", 256);
        assertThat(compared.code()).as(compared.err()).isZero();
        assertThat(compared.out()).contains("same");
    }

    /** The files behind the name are inputs: no result may replace them. */
    @Test
    void whatIsReadByNameIsProtected() {
        Path weights = folder.resolve("snapshots").resolve(COMMIT).resolve("model.safetensors");
        ProgramRun run = ProgramRun.of("verify", "--teacher", folder, "--student", folder, "--held-out", "a=b.txt", "--json", weights);
        assertThat(run.code()).isEqualTo(1);
        assertThat(run.err()).contains("so it is not replaced");
    }

    /** HOME may name another directory than the account's: the cache is there, and no output replaces it. */
    @Test
    void theHomeDirectoryIsThatOfTheEnvironment() throws IOException {
        Path home = Files.createDirectories(root.resolve("home"));
        Path cache = Files.createDirectories(home.resolve(".cache/huggingface")).resolve("hub");
        Files.createSymbolicLink(cache, root);
        try (var run = ChildProgram.startIn(Map.of("HOME", home.toString(), "HF_HOME", "", "HF_HUB_CACHE", "", "XDG_CACHE_HOME", ""),
                root.resolve("out.txt"), root.resolve("errors.txt"), "convert", "--model", "small/orion", "--output", home, "--overwrite")) {
            assertThat(run.join()).isEqualTo(1);
            assertThat(run.notes()).contains("the home directory, so it is not replaced");
        }
        assertThat(cache).exists();
    }

    /** A shell leaves ~ as it is behind an =, and a file of options has no shell. */
    @Test
    void aPathMayBeginWithTheHomeDirectory() throws IOException {
        Path home = Files.createDirectories(root.resolve("a home"));
        TinyTeacher.write(home.resolve("orion"));
        Path text = TinyTeacher.text(home.resolve("text.txt"));
        Path config = Files.writeString(root.resolve("run.yaml"), """
                teacher: ~/orion
                corpus: ["a=1:~/text.txt"]
                held-out: {b: ~/text.txt}
                tokens: 64
                sequence-length: 16
                evaluation-tokens: 64
                """);
        Map<String, String> environment = Map.of("HOME", home.toString());
        Path notes = root.resolve("errors.txt");
        try (var run = ChildProgram.startIn(environment, root.resolve("out.txt"), notes, "distill", "--config", config, "--output=~/llama")) {
            assertThat(run.join()).as(run.notes()).isZero();
        }
        assertThat(home.resolve("llama/config.json")).exists();
        try (var run = ChildProgram.startIn(environment, root.resolve("out.txt"), notes, "verify", "--teacher=~/orion", "--student=~/llama",
                "--held-out", "b=~/text.txt", "--json", text)) {
            assertThat(run.join()).isNotZero();
            assertThat(run.notes()).contains(text.toRealPath() + "", "input");
        }
        assertThat(Path.of("~")).doesNotExist();
    }

    @Test
    void aNameIsFoundWhereTheEnvironmentSaysTheCacheIs() throws IOException {
        List<String> notes = new ArrayList<>();
        for (String name : new String[] {"small/orion", "small/orion@v2", "small/llama"}) {
            try (var run = ChildProgram.startIn(Map.of("HF_HUB_CACHE", root.toString()), root.resolve("out.txt"), root.resolve("errors.txt"),
                    "info", "--model", name)) {
                notes.add("%d %s".formatted(run.join(), run.notes()));
            }
            if (name.equals("small/orion")) {
                assertThat(root.resolve("out.txt")).content().contains("OrionForCausalLM");
            }
        }
        assertThat(notes.getFirst()).startsWith("0");
        assertThat(notes.get(1)).startsWith("1").contains("[hub] small/orion@v2", "it has main, " + COMMIT,
                "hf download small/orion --revision v2");
        assertThat(notes.getLast()).startsWith("1").contains("no such model in the Hugging Face cache " + root, "hf download small/llama");
    }
}
