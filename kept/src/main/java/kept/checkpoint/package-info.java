/**
 * Model files on disk: safetensors, PyTorch's files, index files, strict JSON, and writing that is whole or not at all.
 *
 * <p>Reading: {@link kept.checkpoint.Checkpoint} is a directory of weights, {@link kept.checkpoint.SafetensorsFile} one memory-mapped file,
 * {@code TorchFile} one that PyTorch wrote, whose pickle names tensors and can do nothing else; a tensor in a file is a view, a
 * {@link kept.checkpoint.TensorEntry} and the bytes behind it. {@link kept.checkpoint.InputFiles} says what may be read at all,
 * {@link kept.checkpoint.MistakenFile} what a file is that is something else, {@code TensorNames} which tensor a name in a file means. Writing:
 * {@link kept.checkpoint.OutputDirectory} makes a directory appear at once, {@link kept.checkpoint.ResumableDirectory} one whose making may be
 * killed and gone on with,
 * {@link kept.checkpoint.CheckpointWriter} streams tensors into shards, {@link kept.checkpoint.TorchWriter} into PyTorch's files, and
 * {@link kept.checkpoint.AtomicFiles} replaces small files. What of an existing directory may be deleted is said by {@link kept.checkpoint.OwnFiles},
 * and whether an output can be written is tried by {@link kept.checkpoint.OutputProbe}. Whatever is wrong with a file is a
 * {@link kept.checkpoint.CheckpointException} naming file, tensor and offset.
 *
 * <p>Not here: what the tensors mean ({@code kept.model}), how one architecture's become another's ({@code kept.mapping}), and tensors to compute
 * with ({@code kept.tensor}).
 */
package kept.checkpoint;
