//! The other libraries, used as documented: the key is parsed once, serde serializes the claims.

mod aws_lc;
mod josekit;
mod jsonwebtoken;
mod jwt_simple;

use crate::Case;
use crate::material::Material;

pub(crate) fn cases(material: &Material) -> Vec<Case> {
    let mut cases = aws_lc::cases(material);
    cases.extend(jsonwebtoken::cases(material));
    cases.extend(jwt_simple::cases(material));
    cases.extend(josekit::cases(material));
    cases
}
