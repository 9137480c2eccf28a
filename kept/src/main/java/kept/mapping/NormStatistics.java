package kept.mapping;

/**
 * The difference between a LayerNorm and the RMSNorm by which OPM replaces it, measured on text.
 *
 * @param norm the norm's name in checkpoints
 * @param meanOverRms the size of the input's mean over its root mean square, averaged over tokens: 0 makes centring free
 * @param biasOverWeight the Euclidean norm of the LayerNorm's bias over that of its weight: 0 makes dropping the bias free
 */
public record NormStatistics(String norm, double meanOverRms, double biasOverWeight) {}
