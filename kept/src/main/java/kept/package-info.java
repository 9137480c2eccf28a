/** The programs, one class each, and the dispatcher {@link kept.Main}: only their command lines; the work is in the other packages. */
package kept;

