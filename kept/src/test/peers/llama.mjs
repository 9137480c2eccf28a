// llama.mjs JOB.json RESULT.json: token ids of texts and greedy continuations by llama.cpp, on the CPU. One thread: several wait for each
// other without sleeping, which takes hours where other programs use the cores.
import {readFileSync, writeFileSync} from "node:fs";
import {getLlama, LlamaLogLevel, TokenBias} from "node-llama-cpp";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const llama = await getLlama({gpu: false, build: "never", logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath: job.model});
const ids = job.texts.map(text => model.tokenize(text));
const greedy = [];
for (const prompt of job.prompts) {
    const context = await model.createContext({contextSize: 256, threads: 1});
    const sequence = context.getSequence();
    const tokens = [];
    for await (const token of sequence.evaluate(model.tokenize(prompt), {temperature: 0})) {
        tokens.push(token);
        if (tokens.length === job.tokens) {
            break;
        }
    }
    greedy.push(tokens);
    await context.dispose();
}
writeFileSync(process.argv[3], JSON.stringify({ids, greedy}));
await llama.dispose();
