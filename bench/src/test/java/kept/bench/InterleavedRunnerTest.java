package kept.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Which sides the runner measures, and in which order. */
class InterleavedRunnerTest {
    /** A case that notes its runs. */
    private static final class NotedCase extends BenchmarkCase {
        private final List<String> runs = new ArrayList<>();

        @Override
        void prepare() {
            runs.add("prepare");
        }

        @Override
        void release() {
            runs.add("release");
        }

        @Override
        void run() {
            runs.add("ours");
        }

        @Override
        Runnable preparePeer(Libtorch torch) {
            throw new AssertionError("libtorch was not asked for");
        }

        @Override
        Map<Peer, Supplier<Runnable>> otherPeers() {
            return Map.of(Peer.OPENBLAS, () -> {
                runs.add("prepare OpenBLAS");
                return () -> runs.add("OpenBLAS");
            });
        }

        @Override
        Runnable preparePlain() {
            throw new AssertionError("the plain loop was not asked for");
        }

        @Override
        String label() {
            return "noted";
        }

        @Override
        String sizes() {
            return "1";
        }

        @Override
        HardwareBound bound() {
            return HardwareBound.MULTIPLY_ADD;
        }

        @Override
        double work() {
            return 1;
        }
    }

    private static List<String> run(NotedCase noted, Set<Peer> peers, int rounds) {
        Row row = new InterleavedRunner(rounds, 1, peers, false).run(noted);
        assertThat(row.plainMillis()).isNull();
        assertThat(row.peers()).extracting(Row.PeerTime::peer).isEqualTo(peers.stream().map(Peer::label).toList());
        return noted.runs;
    }

    /** What prepares the peers keeps the JIT busy. */
    @Test
    void warmUpFollowsThePreparationOfThePeers() {
        List<String> runs = run(new NotedCase(), EnumSet.of(Peer.OPENBLAS), 4);
        assertThat(runs).startsWith("prepare", "prepare OpenBLAS", "OpenBLAS");
        List<String> warmUp = runs.subList(3, runs.lastIndexOf("release") - 4 * 2);
        assertThat(warmUp).isNotEmpty().containsOnly("ours");
    }

    @Test
    void eachRoundMeasuresOursAndThenThePeers() {
        var noted = new NotedCase();
        List<String> runs = run(noted, EnumSet.of(Peer.OPENBLAS), 4);
        assertThat(noted.peers()).containsExactly(Peer.LIBTORCH, Peer.OPENBLAS);
        List<String> expected = new ArrayList<>();
        Collections.nCopies(4, List.of("ours", "OpenBLAS")).forEach(expected::addAll);
        expected.add("release");
        assertThat(runs.subList(runs.size() - expected.size(), runs.size())).isEqualTo(expected);
    }

    @Test
    void aPeerThatIsNotAskedForIsNotPrepared() {
        assertThat(run(new NotedCase(), Set.of(), 2)).containsOnly("prepare", "ours", "release");
    }
}
