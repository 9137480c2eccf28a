package kept.optim;

/**
 * The learning rate of each optimizer step. Both schedules start with a linear warm-up: step t of w warm-up steps has the rate {@code peak t / w}, so
 * the first step, number 1, does not have rate zero.
 */
public sealed interface LearningRateSchedule {
    /**
     * Returns the learning rate of a step.
     *
     * @param step the step's number, from 1
     * @return the rate
     */
    double at(long step);

    /**
     * Constant at the peak after the warm-up.
     *
     * @param peak the rate
     * @param warmUpSteps the number of warm-up steps; may be 0
     */
    record Constant(double peak, long warmUpSteps) implements LearningRateSchedule {
        /** Validates the values. */
        public Constant {
            check(peak, warmUpSteps);
        }

        @Override
        public double at(long step) {
            return peak * rise(step, warmUpSteps);
        }
    }

    /**
     * Cosine decay from the peak to the floor, which the last step reaches (Loshchilov and Hutter 2016, arXiv 1608.03983).
     *
     * @param peak the highest rate
     * @param warmUpSteps the number of warm-up steps; may be 0
     * @param totalSteps the number of the last step, at least {@code warmUpSteps}; later steps stay at the floor
     * @param floorRatio the floor as a fraction of the peak, from 0 to 1
     */
    record Cosine(double peak, long warmUpSteps, long totalSteps, double floorRatio) implements LearningRateSchedule {
        /** Validates the values. */
        public Cosine {
            check(peak, warmUpSteps);
            if (totalSteps < warmUpSteps) {
                throw new IllegalArgumentException(
                        "[learning rate] %d warm-up steps do not fit into %d steps".formatted(warmUpSteps, totalSteps));
            }
            if (!(floorRatio >= 0 && floorRatio <= 1)) {
                throw new IllegalArgumentException("[learning rate] the floor must be 0 to 1 times the peak, not " + floorRatio);
            }
        }

        @Override
        public double at(long step) {
            if (step <= warmUpSteps) {
                return peak * rise(step, warmUpSteps);
            }
            double progress = step >= totalSteps ? 1 : (double) (step - warmUpSteps) / (totalSteps - warmUpSteps);
            return peak * (floorRatio + (1 - floorRatio) * (1 + Math.cos(Math.PI * progress)) / 2);
        }
    }

    private static double rise(long step, long warmUpSteps) {
        if (step < 1) {
            throw new IllegalArgumentException("[learning rate] steps are counted from 1, not " + step);
        }
        return step >= warmUpSteps ? 1 : (double) step / warmUpSteps;
    }

    private static void check(double peak, long warmUpSteps) {
        if (!(peak >= 0) || Double.isInfinite(peak)) {
            throw new IllegalArgumentException("[learning rate] the peak must be a finite number of at least 0, not " + peak);
        }
        if (warmUpSteps < 0) {
            throw new IllegalArgumentException("[learning rate] warm-up steps must be 0 or more, not " + warmUpSteps);
        }
    }
}
