package kept.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Scores of single tokens, put together by text, by sequence and by position. */
class TokenScoresTest {
    @Test
    void aTextIsTheMeanOfItsTokens() {
        Fidelity fidelity = scores(2, 100).fidelity();
        assertThat(fidelity.tokens()).isEqualTo(200);
        assertThat(fidelity.klMean()).isCloseTo((49.5 + 149.5) / 2, within(1e-9));
        assertThat(fidelity.klP99()).isEqualTo(198);
        assertThat(fidelity.top1Agreement()).isEqualTo(0.75);
        assertThat(fidelity.perplexityTeacher()).isCloseTo(Math.exp(1.5), within(1e-6));
        assertThat(fidelity.perplexityStudent()).isCloseTo(Math.exp(2), within(1e-6));
    }

    /** The sequences' means are 49.5, 149.5, ...: what resampled sequences give lies between them, and equal ones leave no doubt. */
    @Test
    void intervalsComeFromHowSequencesDiffer() {
        TokenScores.Intervals intervals = scores(8, 100).intervals();
        assertThat(intervals.klMean()).isEqualTo(Interval.ofMean(49.5, 149.5, 249.5, 349.5, 449.5, 549.5, 649.5, 749.5));
        assertThat(intervals.klMean().low()).isBetween(200.0, 300.0);
        assertThat(intervals.klMean().high()).isBetween(500.0, 600.0);
        assertThat(intervals.top1Agreement()).isEqualTo(new Interval(0.75, 0.75));
        assertThat(intervals.perplexityTeacher().low()).as("losses of 1 and 2").isBetween(Math.exp(1), Math.exp(1.5));
        assertThat(intervals.perplexityTeacher().high()).isBetween(Math.exp(1.5), Math.exp(2));
        assertThat(intervals.perplexityRatio().low()).as("the student loses 0.5 more on each sequence").isCloseTo(Math.exp(0.5), within(1e-6));
        assertThat(intervals.perplexityRatio().high()).isCloseTo(Math.exp(0.5), within(1e-6));
        assertThat(scores(1, 100).intervals().klMean()).isEqualTo(Interval.UNKNOWN);
    }

    @Test
    void positionsAreTakenTogetherOverAllSequences() {
        List<TokenScores.Bucket> buckets = scores(3, 300).byPosition();
        assertThat(buckets).extracting(TokenScores.Bucket::from).containsExactly(0, 64, 128, 256);
        assertThat(buckets).extracting(TokenScores.Bucket::to).containsExactly(64, 128, 256, 300);
        assertThat(buckets).extracting(bucket -> bucket.scores().fidelity().tokens()).containsExactly(192L, 192L, 384L, 132L);
        // Positions 64 to 127 of the sequence that begins at token 300 hold 364 to 427.
        assertThat(buckets.get(1).scores().divergences()[64]).isEqualTo(364);
        assertThat(buckets.get(1).scores().fidelity().klMean()).isCloseTo(300 + 95.5, within(1e-9));
        assertThat(scores(3, 64).byPosition()).singleElement()
                .satisfies(only -> assertThat(only.scores().fidelity()).isEqualTo(scores(3, 64).fidelity()));
        assertThat(scores(1, 65).byPosition()).extracting(TokenScores.Bucket::to).containsExactly(64, 65);
    }

    /** Divergences count the tokens; of four tokens three agree; losses are 1 in even sequences and 2 in odd ones, a student loses 0.5 more. */
    private static TokenScores scores(int sequences, int length) {
        int count = sequences * length;
        var scores = new TokenScores(length, new float[count], new float[count], new float[count], new float[count]);
        for (int i = 0; i < count; i++) {
            scores.divergences()[i] = i;
            scores.teacherLosses()[i] = i / length % 2 == 0 ? 1 : 2;
            scores.studentLosses()[i] = scores.teacherLosses()[i] + 0.5f;
            scores.agreements()[i] = i % 4 == 0 ? 0 : 1;
        }
        return scores;
    }
}
