package kept.training;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import kept.model.DecoderConfig;
import kept.model.Lora;
import kept.model.ModelTensor;
import kept.model.TensorRole;

/**
 * The tensors of a student in a step. An adapter's factors have the identity of the matrix that they adapt, so that they count with its layer.
 *
 * @param student the student's sizes
 * @param train the parameters to train
 */
record StepTensors(DecoderConfig student, ParameterSelection train) {
    /** Those that are not the teacher's. */
    List<ModelTensor> own() {
        return Stream.concat(ModelTensor.of(student).stream().filter(tensor -> !train.shares(tensor.name())), factors().stream()).toList();
    }

    /** Those that are trained. */
    List<ModelTensor> trained() {
        return Stream.concat(trainedItself().stream(), factors().stream()).toList();
    }

    /** Those of the checkpoint that are trained, without adapters. */
    List<ModelTensor> trainedItself() {
        return ModelTensor.of(student).stream().filter(tensor -> train.selects(tensor.name())).toList();
    }

    /** The trained ones of a role that no adapter has. */
    List<ModelTensor> trained(TensorRole role) {
        return trainedItself().stream().filter(tensor -> tensor.role() == role).toList();
    }

    /** The factors of adapters. */
    List<ModelTensor> factors() {
        return train.adapters().map(adapters -> adapters.factors(student)).orElse(List.of());
    }

    /** The first layer of which, or before which, something is trained: where the backward pass ends. The number of layers if there is none. */
    int firstTrainedLayer() {
        return trained().stream().filter(tensor -> tensor.layer() >= 0 || tensor.role() == TensorRole.EMBEDDING)
                .mapToInt(tensor -> Math.max(0, tensor.layer())).min().orElse(student.layers());
    }

    /** Whether some of the student's weights are the teacher's. */
    boolean areShared() {
        return ModelTensor.of(student).stream().anyMatch(tensor -> train.shares(tensor.name()));
    }

    /** Elements of the largest matrix that is trained in a layer. */
    long largestOfLayer() {
        return trained().stream().filter(tensor -> tensor.layer() >= 0).mapToLong(tensor -> tensor.shape().elementCount()).max().orElse(0);
    }

    /** The elements of the student's matrices that tokens are multiplied by. */
    double matrixElements(List<ModelTensor> tensors) {
        return matrixElements(student, tensors);
    }

    /** The elements of matrices that tokens are multiplied by; the embedding is looked up, and multiplied only if it is also the head. */
    static double matrixElements(DecoderConfig model, List<ModelTensor> tensors) {
        return tensors.stream().filter(tensor -> tensor.shape().rank() == 2 && (model.tieWordEmbeddings() || tensor.role() != TensorRole.EMBEDDING))
                .mapToDouble(tensor -> tensor.shape().elementCount()).sum();
    }

    /**
     * The multiplications for a token that adapters add to those of the student's matrices, without the gradients of their factors.
     *
     * @param isAgain whether the forward pass is done twice
     */
    double adapterProducts(boolean isAgain) {
        double rank = train.adapters().map(Lora::rank).orElse(0);
        double narrow = factors().stream().mapToLong(factor -> factor.shape().size(0) == rank ? factor.shape().elementCount() : 0).sum();
        // Forward, and back to the gradient of the input; the backward pass computes the product with A again.
        return (isAgain ? 3 : 2) * matrixElements(factors()) + narrow;
    }

    /** The numbers of some tensors. */
    static long parameters(List<ModelTensor> tensors) {
        return tensors.stream().mapToLong(tensor -> tensor.shape().elementCount()).sum();
    }

    /** The numbers of two groups that follow one another, at most. */
    static long largestNeighbours(List<ModelTensor> tensors) {
        List<Long> groups = new ArrayList<>();
        groups.add(parameters(tensors.stream().filter(tensor -> tensor.role() == TensorRole.EMBEDDING).toList()));
        groups.addAll(layers(tensors));
        groups.add(lastGroup(tensors));
        return IntStream.range(1, groups.size()).mapToLong(i -> groups.get(i - 1) + groups.get(i)).max().orElseThrow();
    }

    /** The numbers of the first layer. */
    static long firstLayer(List<ModelTensor> tensors) {
        return parameters(tensors.stream().filter(tensor -> tensor.layer() == 0).toList());
    }

    /** The numbers of the layer that has the most. */
    static long largestLayer(List<ModelTensor> tensors) {
        return layers(tensors).stream().mapToLong(Long::longValue).max().orElse(0);
    }

    /** The numbers of all layers. */
    static long ofLayers(List<ModelTensor> tensors) {
        return layers(tensors).stream().mapToLong(Long::longValue).sum();
    }

    /** The numbers of each layer that has some, in their order. */
    private static Collection<Long> layers(List<ModelTensor> tensors) {
        return tensors.stream().filter(tensor -> tensor.layer() >= 0).collect(Collectors.groupingBy(ModelTensor::layer, TreeMap::new,
                Collectors.summingLong(tensor -> tensor.shape().elementCount()))).values();
    }

    /** The numbers of the final norm and the head. */
    static long lastGroup(List<ModelTensor> tensors) {
        return parameters(tensors.stream().filter(tensor -> tensor.layer() < 0 && tensor.role() != TensorRole.EMBEDDING).toList());
    }
}
