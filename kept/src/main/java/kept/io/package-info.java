/**
 * Reading and atomic writing of files.
 *
 * <p>Reading: {@link kept.io.InputFiles} decides what may be read, {@link kept.io.HubCache} finds models in the Hugging Face cache, {@link
 * kept.io.MistakenFile} recognises wrong content, and {@link kept.io.JsonObject} reads typed values from a JSON file. Writing: {@link
 * kept.io.OutputDirectory} writes a directory atomically, {@link kept.io.ResumableDirectory} one that can be resumed after a kill, {@link
 * kept.io.OutputFile} a large file, and {@link kept.io.AtomicFiles} small ones. {@link kept.io.SettingDifferences} compares the settings of a resumed
 * run with those stored beside its unfinished output, {@link kept.io.OwnFiles} and {@link kept.io.OutputKind} decide what may be deleted or
 * replaced, {@link kept.io.SealedCard} writes model cards, and {@link kept.io.OutputProbe} tests in advance whether an output can be written. Errors
 * are {@link kept.io.FileException}s naming file, tensor and offset.
 *
 * <p>Elsewhere: the formats of weights ({@code kept.safetensors}, {@code kept.torch}), JSON parsing and small text files ({@code kept.text}).
 */
package kept.io;
