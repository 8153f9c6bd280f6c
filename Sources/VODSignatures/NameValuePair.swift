/// A decoded name and value, as found in a query, a form or a header block.
///
/// Lists of pairs keep the order and the repetitions of the request they came from.
package typealias NameValuePair = (name: String, value: String)
