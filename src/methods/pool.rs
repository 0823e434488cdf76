//! Several readings of the same question as one: their weighted mean.

use super::MethodError;
use super::elicit::Elicited;
use crate::domain::OrderShown;
use crate::measure::{Distribution, equal_weights, generalised_js_2, linear_pool, pairwise_tv};

/// The mean of `members` under `weights`, one each, with the orders' disagreement about it. What cannot be a mean, the next
/// tokens and the slots, is that of the first. Fails without members.
pub(super) fn pool(members: &[Elicited], weights: &Distribution) -> Result<Elicited, MethodError> {
    let pooled = |each: Vec<Distribution>| linear_pool(&each, weights);
    let mean = |of: &dyn Fn(&Elicited) -> f64| -> f64 {
        members.iter().zip(weights.as_slice()).map(|(member, weight)| weight * of(member)).sum()
    };
    let mut found = members.first().cloned().ok_or_else(|| MethodError::Text("nothing was read".to_owned()))?;
    found.p = pooled(members.iter().map(|member| member.p.clone()).collect())?;
    found.whole = pooled(members.iter().map(|member| member.whole.clone()).collect())?;
    found.mass = mean(&|member| member.mass);
    for (role, share) in &mut found.non_substantive {
        *share = mean(&|member| member.non_substantive.get(role).copied().unwrap_or(0.0));
    }
    let mut orders = Vec::new();
    for (order, shown) in found.per_order.iter_mut().enumerate() {
        let each: Vec<&OrderShown> = members.iter().filter_map(|member| member.per_order.get(order)).collect();
        let p = each.iter().map(|shown| Distribution::new(&shown.p)).collect::<Result<Vec<_>, _>>()?;
        let p = pooled(p)?;
        shown.p = p.as_slice().to_vec();
        shown.mass = each.iter().zip(weights.as_slice()).map(|(shown, weight)| weight * shown.mass).sum();
        orders.push(p);
    }
    if orders.len() > 1 {
        found.between = Some(pairwise_tv(&orders)?);
        found.generalised_js = Some(generalised_js_2(&orders, &equal_weights(orders.len())?)?);
    }
    Ok(found)
}
