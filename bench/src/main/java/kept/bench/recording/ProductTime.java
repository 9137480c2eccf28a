package kept.bench.recording;

import kept.bench.recording.Recording.Product;

/**
 * The time of a matrix product of cuBLAS, which is not our code and therefore not counted. Assumed is that it takes the fastest of a few sizes of
 * tiles, with the inner dimension split over several blocks where there are fewer tiles than multiprocessors; that a multiprocessor works on a tile
 * at the rate that a large product reaches; and that a round of tiles that does not fill the device takes as long as one that does.
 */
final class ProductTime {
    /** Tiles, with the share of the largest tiles' rate that each reaches: smaller ones read more for each operation. */
    private static final Tile[] TILES = {new Tile(128, 256, 1), new Tile(256, 128, 1), new Tile(128, 128, 0.9), new Tile(128, 64, 0.7),
        new Tile(64, 128, 0.7), new Tile(64, 64, 0.5)};
    private static final int[] SPLITS = {1, 2, 3, 4, 6, 8, 12, 16};
    private record Tile(int rows, int columns, double share) {}

    private ProductTime() {}

    static double operations(Product product) {
        return 2.0 * product.m() * product.n() * product.k() * product.batch();
    }

    /** Operands once, and the result once or, if the product is added to it, twice. */
    static double bytes(Product product) {
        double operand = product.operands().bytes();
        double result = product.result().bytes();
        double ofResult = (double) product.m() * product.n() * product.batch() * result * (product.accumulates() ? 2 : 1);
        double a = (double) product.m() * product.k();
        double b = (double) product.k() * product.n();
        // An operand that the batch shares counts once; the smaller one is assumed to be shared.
        double batched = switch (product.shared()) {
            case 0 -> (a + b) * product.batch();
            case 1 -> Math.max(a, b) * product.batch() + Math.min(a, b);
            default -> a + b;
        };
        return batched * operand + ofResult;
    }

    /** Operations per second of a large product. */
    static double rate(Product product, GpuModel model) {
        return switch (product.operands()) {
            case F32 -> model.floatProductRate();
            case F64 -> model.doubleProductRate();
            case BF16, F16 -> model.productRate();
        };
    }

    static double floorSeconds(Product product, GpuModel model) {
        return Math.max(operations(product) / rate(product, model), bytes(product) / model.bandwidth());
    }

    static double seconds(Product product, GpuModel model) {
        double best = Double.POSITIVE_INFINITY;
        double rate = rate(product, model) / model.multiprocessors();
        for (Tile tile : TILES) {
            double tiles = Math.ceil((double) product.m() / tile.rows) * Math.ceil((double) product.n() / tile.columns) * product.batch();
            for (int split : SPLITS) {
                if (split > 1 && (tiles > model.multiprocessors() || product.k() / split < 64)) {
                    break;
                }
                double rounds = Math.ceil(tiles * split / model.multiprocessors());
                double inner = Math.ceil((double) product.k() / split);
                double arithmetic = rounds * 2 * tile.rows * tile.columns * inner / (rate * tile.share);
                // The parts are written and read in f32.
                double parts = split == 1 ? 0 : 2.0 * split * product.m() * product.n() * product.batch() * 4;
                best = Math.min(best, Math.max(arithmetic, (bytes(product) + parts) / model.copyBandwidth()));
            }
        }
        return best;
    }
}
