extension Schema {
    /// The second version: objects of attempts whose writer was not heard of are looked for once more.
    ///
    /// Nodes of the first version go on beside it; what they write counts as heard of.
    static let v2 = """
        ALTER TABLE object_intents ADD COLUMN unheard boolean NOT NULL DEFAULT false;

        """
}
