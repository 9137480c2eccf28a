package kept.bench;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Enforces the dependencies between modules ({@code kept -> kept.core <- kept.cuda}) and between their packages. */
class ArchitectureTest {
    private static final String[] CORE = {"kept.tensor..", "kept.autograd..", "kept.nn..", "kept.optim..", "kept.backend..", "kept.linalg..",
        "kept.distributed.."};
    private static final String CPU = "kept.backend.cpu..";
    private static final String CUDA = "kept.cuda..";
    private static final String BENCH = "kept.bench..";

    private static final DescribedPredicate<JavaClass> OURS = resideInAnyPackage("kept..").as("are ours");
    private static final DescribedPredicate<JavaClass> IN_CORE = resideInAnyPackage(CORE).as("are in kept.core");
    private static final DescribedPredicate<JavaClass> IN_KEPT =
            OURS.and(DescribedPredicate.not(IN_CORE)).and(DescribedPredicate.not(resideInAnyPackage(CUDA, BENCH))).as("are in kept");

    private static final JavaClasses ALL = new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("-tests.jar")).importPackages("kept");

    @Test
    void theClassesOfEveryModuleAreImported() {
        for (String present : new String[] {"kept.Main", "kept.tensor.Tensor", "kept.cuda.CudaBackendProvider", "kept.bench.Main"}) {
            assertThat(ALL.contain(present)).as(present).isTrue();
        }
    }

    /** A new package is a decision: it is added here, to the rules below, and to docs/decisions.md where the design does not name it. */
    @Test
    void everyPackageIsListedHere() {
        assertThat(ALL.stream().map(JavaClass::getPackageName).filter(name -> !name.startsWith("kept.bench")).distinct()).containsExactlyInAnyOrder(
                "kept.tensor", "kept.tensor.internal", "kept.autograd", "kept.autograd.operation", "kept.nn", "kept.optim", "kept.backend",
                        "kept.backend.composition", "kept.backend.cpu",
                "kept.linalg", "kept.distributed", "kept.distributed.mpi", "kept.distributed.tcp",
                "kept.cuda", "kept.cuda.driver", "kept.cuda.cublas", "kept.cuda.nccl", "kept.cuda.library", "kept.cuda.bindings",
                "kept", "kept.checkpoint", "kept.tokenizer", "kept.model", "kept.mapping", "kept.corpus", "kept.training",
                "kept.recording", "kept.evaluation", "kept.report", "kept.run", "kept.cli", "kept.commandline",
                "kept.demo", "kept.generation", "kept.gguf", "kept.calibration", "kept.text", "kept.template",
                "kept.io", "kept.weights", "kept.safetensors", "kept.torch");
    }

    @Test
    void theCoreDependsOnNoOtherModule() {
        holds(classes().that(IN_CORE).should().onlyDependOnClassesThat(IN_CORE.or(DescribedPredicate.not(OURS))));
    }

    @Test
    void theProgramsFindCudaOnlyAtRunTime() {
        holds(noClasses().that(IN_KEPT).should().dependOnClassesThat().resideInAnyPackage(CUDA, BENCH));
    }

    @Test
    void theCudaBackendDependsOnlyOnTheCore() {
        holds(noClasses().that().resideInAPackage(CUDA).should().dependOnClassesThat(IN_KEPT.or(resideInAnyPackage(BENCH, CPU))));
    }

    @Test
    void vectorCodeStaysInTheCpuBackend() {
        holds(noClasses().that().resideOutsideOfPackages(CPU, BENCH).should().dependOnClassesThat().resideInAPackage("jdk.incubator.vector.."));
    }

    @Test
    void theCpuBackendIsReachedOnlyThroughItsProvider() {
        holds(noClasses().that().resideOutsideOfPackage(CPU).should().dependOnClassesThat().resideInAPackage(CPU));
    }

    /** Allowed are tensors, their kernels, and files that are memory-mapped or streamed: checkpoints, corpora, token ids and logits. */
    @Test
    void offHeapMemoryIsUsedOnlyByTensorsAndMappedFiles() {
        holds(noClasses()
                .that().resideOutsideOfPackages("kept.tensor..", "kept.backend..", "kept.distributed..", CUDA, "kept.io..",
                        "kept.weights..", "kept.safetensors..", "kept.torch..", "kept.checkpoint..", "kept.gguf..",
                        "kept.model..", "kept.corpus..", "kept.recording..", BENCH)
                .and().doNotHaveFullyQualifiedName("kept.Logits").should().dependOnClassesThat().resideInAPackage("java.lang.foreign.."));
    }

    /** To close a shared arena all threads of the JVM are stopped for a moment, which takes longer than a kernel on a small tensor. */
    @Test
    void kernelsAndOperationsOpenNoSharedArenas() {
        holds(noClasses().that().resideInAnyPackage(CORE).and().resideOutsideOfPackage("kept.distributed..")
                // Blocks that many tensors use one after another, and copies of what is on another device.
                .and().doNotHaveSimpleName("MemoryPool").and().doNotHaveSimpleName("HostMemory")
                .should().callMethod(Arena.class, "ofShared"));
    }

    /** The file store of a path is unknown where the table of mounts does not list it; a direct copy then becomes an ordinary one. */
    @Test
    void fileStoresAreAskedOnlyWhereTheyMayBeUnknown() {
        holds(noClasses().that().doNotHaveFullyQualifiedName("kept.io.DirectCopy").should().callMethod(Files.class, "getFileStore", Path.class));
    }

    @Test
    void tensorsDoNotDependOnLayersOrOptimizers() {
        holds(noClasses().that().resideInAnyPackage("kept.tensor..", "kept.autograd..", "kept.backend..")
                .should().dependOnClassesThat().resideInAnyPackage("kept.nn..", "kept.optim.."));
    }

    @Test
    void layersDoNotDependOnOptimizers() {
        holds(noClasses().that().resideInAPackage("kept.nn..").should().dependOnClassesThat().resideInAPackage("kept.optim.."));
    }

    /** Optimizers and everything above may run on ranks; what they add up does not know them. */
    @Test
    void ranksDependOnTensorsAlone() {
        holds(noClasses().that().resideInAPackage("kept.distributed..")
                .should().dependOnClassesThat().resideInAnyPackage("kept.autograd..", "kept.nn..", "kept.optim..", "kept.linalg.."));
        holds(noClasses().that().resideInAnyPackage("kept.tensor..", "kept.autograd..", "kept.nn..", "kept.backend..", "kept.linalg..")
                .should().dependOnClassesThat().resideInAPackage("kept.distributed.."));
    }

    /** An engine is found at run time, and knows messages but no tensors. */
    @Test
    void enginesBetweenRanksCarryOnlyBytes() {
        for (String engine : new String[] {"kept.distributed.mpi", "kept.distributed.tcp"}) {
            holds(noClasses().that().resideOutsideOfPackage(engine).should().dependOnClassesThat().resideInAPackage(engine));
            holds(noClasses().that().resideInAPackage(engine).should().dependOnClassesThat(
                    OURS.and(DescribedPredicate.not(resideInAnyPackage("kept.distributed..")))));
        }
    }

    /** {@code kept.linalg} depends only on the kernels of the backend, which depend on it in turn. */
    @Test
    void linearAlgebraInDoublePrecisionDoesNotDependOnTensors() {
        holds(noClasses().that().resideInAPackage("kept.linalg..")
                .should().dependOnClassesThat().resideInAnyPackage("kept.tensor..", "kept.autograd..", "kept.nn..", "kept.optim.."));
    }

    /** Tensors, operations and devices depend on each other, but the result of a kernel must not depend on whether gradients are recorded. */
    @Test
    void devicesDoNotDependOnAutograd() {
        holds(noClasses().that().resideInAPackage("kept.backend..").should().dependOnClassesThat().resideInAPackage("kept.autograd.."));
    }

    @Test
    void noPackageUsesThePrograms() {
        holds(noClasses().that().resideOutsideOfPackages("kept", BENCH).should().dependOnClassesThat().resideInAPackage("kept"));
        holds(noClasses().that().resideOutsideOfPackages("kept", "kept.cli", BENCH).should().dependOnClassesThat().resideInAPackage("kept.cli"));
    }

    @Test
    void onlyProgramsNeedTheLibrariesOfTheCommandLine() {
        holds(noClasses().that().resideOutsideOfPackages("kept", "kept.cli", BENCH).should().dependOnClassesThat()
                .resideInAnyPackage("picocli..", "me.tongfei.progressbar..", "org.jline..", "org.slf4j..", "kept.commandline.."));
    }

    /** Files of options, and the metadata of model cards. */
    @Test
    void twoPackagesReadYaml() {
        holds(noClasses().that().resideOutsideOfPackages("kept.cli", "kept.run", BENCH).should().dependOnClassesThat()
                .resideInAPackage("org.snakeyaml.."));
    }

    @Test
    void theTemplateLanguageDependsOnNothingElse() {
        holds(noClasses().that().resideInAPackage("kept.template..")
                .should().dependOnClassesThat(OURS.and(DescribedPredicate.not(resideInAnyPackage("kept.template..")))));
        holds(noClasses().that().resideInAPackage("kept.template..").should()
                .dependOnClassesThat().resideInAnyPackage("java.lang.reflect..", "java.nio.file..", "com.fasterxml.."));
    }

    @Test
    void thePackagesBelowTheProgramsHaveNoCycles() {
        holds(slices().matching("kept.(text|io|weights|safetensors|torch|checkpoint|tokenizer|model|mapping|calibration|corpus|training|run|"
                + "recording|evaluation|generation|report|demo|gguf|template)..")
                .should().beFreeOfCycles());
    }

    /** Runs are for any program: they read no command line, and what they tell goes to whoever asks. */
    @Test
    void onlyProgramsKnowTheCommandLineAndTheTerminal() {
        holds(noClasses().that(IN_KEPT).and().resideOutsideOfPackages("kept", "kept.cli")
                .should().dependOnClassesThat().resideInAnyPackage("picocli..", "org.jline.terminal..", "me.tongfei.."));
        holds(noClasses().that().resideInAPackage("kept.run..").should().accessField(System.class, "out")
                .orShould().accessField(System.class, "err").orShould().callMethod(System.class, "exit", int.class));
    }

    /** A trainer evaluates its model; evaluation does not depend on training, and the corpus depends on neither. */
    @Test
    void trainingDependsOnEvaluationAndEvaluationOnTheCorpus() {
        holds(noClasses().that().resideInAPackage("kept.evaluation..").should().dependOnClassesThat().resideInAPackage("kept.training.."));
        holds(noClasses().that().resideInAPackage("kept.corpus..")
                .should().dependOnClassesThat().resideInAnyPackage("kept.evaluation..", "kept.training.."));
    }

    /** Each format depends on the types common to all formats, but neither on the other format nor on the checkpoint directory. */
    @Test
    void weightFormatsDependOnlyOnFilesAndCommonTypes() {
        holds(noClasses().that().resideInAPackage("kept.safetensors..").should().dependOnClassesThat(
                IN_KEPT.and(DescribedPredicate.not(resideInAnyPackage("kept.safetensors..", "kept.weights..", "kept.io..", "kept.text..")))));
        holds(noClasses().that().resideInAPackage("kept.torch..").should().dependOnClassesThat(
                IN_KEPT.and(DescribedPredicate.not(resideInAnyPackage("kept.torch..", "kept.weights..", "kept.io..", "kept.text..")))));
    }

    private static void holds(ArchRule rule) {
        rule.check(ALL);
    }
}
