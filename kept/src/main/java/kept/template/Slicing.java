package kept.template;

/**
 * The indices of a slice within a length.
 *
 * @param from the first
 * @param to its end, exclusive; -1 for before the first element if the step is negative
 * @param step the difference between neighbours, not 0
 */
record Slicing(int from, int to, int step) {
    /** Applies Python's rules for omitted, negative and out-of-range indices; null stands for None. */
    static Slicing of(Object from, Object to, Object step, int length) {
        int by = step == null ? 1 : Numbers.index(step, "slice indices must be integers or None");
        if (by == 0) {
            throw new TemplateException("slice step cannot be zero");
        }
        by = Math.max(by, -Integer.MAX_VALUE);
        int lowest = by > 0 ? 0 : -1;
        int highest = by > 0 ? length : length - 1;
        return new Slicing(place(from, by > 0 ? lowest : highest, length, lowest, highest), place(to, by > 0 ? highest : lowest, length, lowest,
                highest), by);
    }

    private static int place(Object given, int otherwise, int length, int lowest, int highest) {
        if (given == null) {
            return otherwise;
        }
        long place = Numbers.index(given, "slice indices must be integers or None");
        return (int) (place < 0 ? Math.max(place + length, lowest) : Math.min(place, highest));
    }

    int length() {
        long span = step > 0 ? (long) to - from : (long) from - to;
        return span <= 0 ? 0 : (int) ((span - 1) / Math.abs((long) step) + 1);
    }
}
