package kept;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntSupplier;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * convert, distill and distill --record, killed (SIGKILL) again and again wherever they are and taken up each time, come to the same bytes as
 * undisturbed runs.
 * {@code -Dkept.thorough} kills each {@value #THOROUGH_KILLS} times instead of {@value #KILLS}; {@code -Dkept.kills=N} N times, with other seeds.
 */
class KilledRunsTest {
    private static final int KILLS = 1;
    private static final int THOROUGH_KILLS = 26;
    private static final boolean THOROUGH = Boolean.getBoolean("kept.thorough");
    private static final int CHOSEN = Integer.getInteger("kept.kills", THOROUGH ? THOROUGH_KILLS : KILLS);
    private static final int REPLACING_KILLS = THOROUGH ? 4 : 1;
    /** What a killed run may do at most: files of the 60 or so that a conversion writes, and steps of {@value #STEPS}. */
    private static final int MORE_FILES = THOROUGH ? 12 : 40;
    private static final int MORE_STEPS = THOROUGH ? 2 : 4;
    private static final int STEPS = 6;
    /** What was read of the text that is learnt from and of the one that is evaluated on. */
    private static final int TEXTS = 2;
    /** What a run may take from its start to the point where it is killed by the clock. */
    private static final int MAX_MILLISECONDS = 1500;

    @TempDir
    private Path directory;
    private final Random random = new Random(Integer.getInteger("kept.kills", 11));
    private int kills;
    /** After so many kills runs come to their ends. */
    private int mostKills = CHOSEN;

    @BeforeEach
    void prepare() {
        TinyTeacher.write(directory.resolve("orion"));
        TinyTeacher.text(directory.resolve("text.txt"));
    }

    @Test
    void aKilledConversionGoesOnToTheSameBytes() {
        Path source = deepOrion();
        Object[][] forms = THOROUGH ? new Object[][] {{}, {"--dtype", "bf16"}, {"--verify"}} : new Object[][] {{"--verify"}};
        for (int chain = 0; kills < CHOSEN; chain++) {
            Object[] form = forms[chain % forms.length];
            Path undisturbed = directory.resolve("undisturbed" + chain % forms.length);
            if (chain < forms.length) {
                ProgramRun run = ProgramRun.of(conversion(source, undisturbed, form));
                assertThat(run.code()).as(run.err()).isZero();
            }
            Path output = directory.resolve("killed" + chain);
            Path partial = directory.resolve("killed" + chain + ".partial");
            while (!Files.exists(output) || Files.exists(partial)) {
                Object[] all = Files.exists(partial) ? with(form, "--resume") : form;
                killOrFinish(0, () -> count(partial.resolve("files"), ".safetensors"), MORE_FILES, conversion(source, output, all));
            }
            assertThat(contents(output)).as("chain %d", chain).isEqualTo(contents(undisturbed));
            assertNothingBeside(output);
        }
        assertThat(kills).isGreaterThanOrEqualTo(CHOSEN);
    }

    @Test
    void aKilledDistillationGoesOnToTheSameStateAndTheSameBytes() throws IOException {
        Path undisturbed = directory.resolve("undisturbed");
        assertThat(ProgramRun.of(distillation(undisturbed, "--stop-after", STEPS)).code()).isEqualTo(130);
        byte[] state = Files.readAllBytes(state(undisturbed));
        assertThat(ProgramRun.of(distillation(undisturbed, "--resume")).code()).isZero();
        assertThat(new ObjectMapper().readTree(undisturbed.resolve("report.json").toFile()).at("/held_out/best_step").asInt())
                .isBetween(1, STEPS - 1);
        for (int chain = 0; kills < CHOSEN; chain++) {
            Path output = directory.resolve("killed" + chain);
            Path metrics = state(output).resolveSibling("metrics.jsonl");
            boolean stopped = false;
            while (!stopped) {
                Object[] more = {"--stop-after", STEPS, "--save-every", 1};
                stopped = killOrFinish(130, () -> lines(metrics), MORE_STEPS, distillation(output, resumed(output, more)));
            }
            assertThat(Files.readAllBytes(state(output))).as("weights, moments, place in the data after the last step").isEqualTo(state);
            mostKills = Math.max(CHOSEN, kills + 1); // One at least while it ends.
            while (Files.exists(state(output)) || !Files.exists(output)) {
                killOrFinish(0, () -> Files.exists(output) ? 1 : 0, 1, distillation(output, resumed(output)));
            }
            for (String file : List.of("model.safetensors", "config.json", "tokenizer.json")) {
                assertThat(output.resolve(file)).hasSameBinaryContentAs(undisturbed.resolve(file));
            }
            assertThat(losses(output)).as("the same data in the same order").isEqualTo(losses(undisturbed)).hasSize(TEXTS + 2 * STEPS + 1);
            assertNothingBeside(output);
        }
        assertThat(kills).isGreaterThanOrEqualTo(CHOSEN);
    }

    @Test
    void aKilledRecordingGoesOnToTheSameBytes() {
        Path undisturbed = directory.resolve("undisturbed");
        ProgramRun run = ProgramRun.of(recording(undisturbed));
        assertThat(run.code()).as(run.err()).isZero();
        for (int chain = 0; kills < CHOSEN; chain++) {
            Path output = directory.resolve("killed" + chain);
            Path partial = directory.resolve("killed" + chain + ".partial");
            while (!Files.exists(output) || Files.exists(partial)) {
                Object[] arguments = Files.exists(partial) ? recording(output, "--resume") : recording(output);
                killOrFinish(() -> ChildProgram.startLong(directory.resolve("errors.log"), arguments), 0,
                        () -> count(partial.resolve("files"), ".safetensors"), 3);
            }
            assertThat(withoutCommand(output)).as("chain %d", chain).isEqualTo(withoutCommand(undisturbed)).hasSize(4);
            assertNothingBeside(output);
        }
        assertThat(kills).isGreaterThanOrEqualTo(CHOSEN);
    }

    /** More text than a file of the recording holds. */
    private Object[] recording(Path output, Object... more) {
        Path text = directory.resolve("text.txt");
        return with(new Object[] {"distill", "--teacher", directory.resolve("orion"), "--corpus", text, "--held-out", "held-out=" + text,
            "--evaluation-tokens", 64, "--record", output, "--record-top-k", 2, "--sequence-length", 64, "--tokens", 70_000}, more);
    }

    private static TreeMap<String, String> withoutCommand(Path recording) {
        TreeMap<String, String> contents = contents(recording);
        contents.remove("recording.json");
        return contents;
    }

    @Test
    void anOutputThatIsReplacedIsThereAfterEveryKill() throws IOException {
        Path output = directory.resolve("replaced");
        Object[] arguments = {"pretrain", "--random", "--vocab-size", 64, "--hidden-size", 16, "--heads", 2, "--layers", 40,
            "--intermediate-size", 24, "--format", "torch", "--max-shard-size", 1, "--overwrite", "--output", output};
        assertThat(ProgramRun.of(arguments).code()).isZero();
        for (boolean natively : THOROUGH ? new boolean[] {true, false} : new boolean[] {true}) {
            for (int kill = 0; kill < REPLACING_KILLS; kill++) {
                Object before = directoryKey(output);
                long afterwards = random.nextInt(3_000_000);
                Path errors = directory.resolve("errors.log");
                try (var run = natively ? ChildProgram.startInto(directory.resolve("out.log"), errors, arguments)
                        : ChildProgram.start(errors, arguments)) {
                    while (run.isAlive() && before.equals(directoryKey(output))) {
                        LockSupport.parkNanos(50_000);
                    }
                    LockSupport.parkNanos(afterwards);
                    run.kill();
                }
                if (natively) {
                    assertThat(ProgramRun.of("info", output).code()).isZero();
                }
            }
            ProgramRun run = ProgramRun.of(arguments);
            assertThat(run.code()).as(run.err()).isZero();
            assertThat(ProgramRun.of("info", output).code()).isZero();
            try (Stream<Path> files = Files.list(directory)) {
                assertThat(files.map(file -> file.getFileName().toString()).filter(name -> name.contains("replaced"))).containsExactly("replaced");
            }
        }
    }

    /** Which directory is under a name; a text where there is none. */
    private static Object directoryKey(Path path) {
        try {
            return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
        } catch (IOException e) {
            return "none";
        }
    }

    /**
     * Starts a run and kills it when it has done a little more than before, or after some time; if there were enough kills, it comes to its end.
     *
     * @param code the exit code of a run that comes to its end
     * @param done how far it is
     * @param more how much more it may do at most
     * @return whether it came to its end before it was killed
     */
    private boolean killOrFinish(int code, IntSupplier done, int more, Object... arguments) {
        return killOrFinish(() -> ChildProgram.start(directory.resolve("errors.log"), arguments), code, done, more);
    }

    private boolean killOrFinish(Supplier<ChildProgram> start, int code, IntSupplier done, int more) {
        int goal = random.nextInt(4) == 0 ? Integer.MAX_VALUE : done.getAsInt() + 1 + random.nextInt(more);
        long time = System.nanoTime() + random.nextInt(MAX_MILLISECONDS) * 1_000_000L + (goal == Integer.MAX_VALUE ? 0 : 60_000_000_000L);
        long afterwards = random.nextInt(8_000_000);
        try (var run = start.get()) {
            if (kills >= mostKills) {
                assertThat(run.join()).as(run::notes).isEqualTo(code);
                return true;
            }
            while (run.isAlive() && System.nanoTime() < time && (goal == Integer.MAX_VALUE || done.getAsInt() < goal)) {
                LockSupport.parkNanos(300_000);
            }
            LockSupport.parkNanos(afterwards);
            if (run.kill()) {
                kills++;
                return false;
            }
            assertThat(run.join()).as(run::notes).isEqualTo(code);
            return true;
        }
    }

    /** Enough layers that there is much to interrupt. */
    private Path deepOrion() {
        Path source = directory.resolve("deep");
        ProgramRun run = ProgramRun.of("pretrain", "--random", "--tokenizer", Fixtures.path("tokenizer"), "--hidden-size", 64, "--heads", 2,
                "--intermediate-size", 96, "--layers", 6, "--dtype", "f32", "--output", source);
        assertThat(run.code()).as(run.err()).isZero();
        return source;
    }

    private static Object[] conversion(Path source, Path output, Object... more) {
        return with(new Object[] {"convert", "--model", source, "--output", output, "--max-shard-size", 1}, more);
    }

    private Object[] distillation(Path output, Object... more) {
        Path text = directory.resolve("text.txt");
        return with(new Object[] {"distill", "--teacher", directory.resolve("orion"), "--corpus", text, "--held-out", "held-out=" + text,
            "--evaluation-tokens", 64, "--output", output, "--sequence-length", 16, "--batch-size", 2, "--tokens", STEPS * 2 * 16, "--dtype", "bf16",
            // So that the best state is neither the first nor the last.
            "--learning-rate", 0.003, "--schedule", "constant", "--warm-up", 0}, more);
    }

    private static Object[] resumed(Path output, Object... more) {
        return Files.exists(state(output)) ? with(more, "--resume") : more;
    }

    private static Object[] with(Object[] basis, Object... more) {
        return Stream.of(basis, more).flatMap(Stream::of).toArray();
    }

    private static Path state(Path output) {
        return output.resolveSibling(output.getFileName() + ".training").resolve("state.safetensors");
    }

    private static List<String> losses(Path output) throws IOException {
        return Files.readAllLines(output.resolve("metrics.jsonl")).stream().map(line -> line.replaceFirst(",\"seconds\".*", "")).toList();
    }

    private static int lines(Path file) {
        try (Stream<String> lines = Files.lines(file)) {
            return (int) lines.count();
        } catch (IOException | UncheckedIOException e) {
            return 0;
        }
    }

    private static int count(Path folder, String ending) {
        try (Stream<Path> files = Files.list(folder)) {
            return (int) files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith(ending) && !name.startsWith(".")).count();
        } catch (IOException | UncheckedIOException e) {
            return 0;
        }
    }

    private static TreeMap<String, String> contents(Path output) {
        var contents = new TreeMap<String, String>();
        try (Stream<Path> files = Files.walk(output)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
                contents.put(output.relativize(file).toString(), HexFormat.of().formatHex(digest));
            }
        } catch (IOException | NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
        return contents;
    }

    /** Nothing but the output, and what the next run would clear away if the last kill came in the very end. */
    private void assertNothingBeside(Path output) {
        String name = output.getFileName().toString();
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString()).filter(other -> other.matches("\\.?" + name + "(\\..*)?"))
                    .filter(other -> !other.matches("\\." + name + "\\.(lock|[-0-9a-f]{36}\\.partial)"))).containsExactly(name);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
