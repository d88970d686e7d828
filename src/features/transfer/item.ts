// Owns what the reader of a format finds in one place of a file: a value that is to become a record, or why it is none.
export type Item =
  | {
      line: number
      value: unknown
      /** Where in the document, when a line alone does not tell. */
      at?: string
    }
  | { line: number; refused: string }
