// Starts programs of this project from a test.
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "./fixtures";

const BINARY = process.env.THROUGHLINE_BINARY ?? "throughline";

/** A program of this project and its standard output so far. */
export class Program {
  output = "";
  readonly ended: Promise<number | null>;

  constructor(private readonly process: ChildProcess) {
    process.stdout!.on("data", (text) => (this.output += text));
    this.ended = new Promise((resolve) => process.on("close", resolve));
  }

  static start(args: string[]): Program {
    const env = { ...process.env, DATABASE_URL: "", RUST_LOG: "warn" };
    delete (env as Record<string, string | undefined>).DATABASE_URL;
    return new Program(spawn(BINARY, args, { env, stdio: ["ignore", "pipe", "inherit"] }));
  }

  /** Runs a program to its end, which must be a success. Returns its output. */
  static async run(args: string[]): Promise<string> {
    const program = Program.start(args);
    expect(await program.ended, `${args.join(" ")}\n${program.output}`).toBe(0);
    return program.output;
  }

  async stop(): Promise<void> {
    this.process.kill("SIGTERM");
    expect(await this.ended).toBe(0);
  }
}

/** A folder for the data of Postgres, and a function that removes it. */
export function temporaryFolder(name: string): [string, () => void] {
  const folder = mkdtempSync(join(tmpdir(), `throughline-${name}-`));
  chmodSync(folder, 0o755);
  return [folder, () => rmSync(folder, { recursive: true, force: true })];
}

/** Starts a Postgres with its data in `folder`. Returns it and its URL. */
export async function startPostgres(folder: string): Promise<[Program, string]> {
  const postgres = Program.start(["postgres", "--data-dir", folder]);
  await expect.poll(() => postgres.output, { timeout: 30_000 }).toMatch(/^DATABASE_URL=\S+$/m);
  return [postgres, /^DATABASE_URL=(\S+)$/m.exec(postgres.output)![1]];
}
