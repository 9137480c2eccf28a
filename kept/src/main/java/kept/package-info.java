/** The programs, one class each, and the dispatcher {@link kept.Main}. What they do lives in the packages below; here is only the command line. */
package kept;

