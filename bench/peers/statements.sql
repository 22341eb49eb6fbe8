-- What the schema-first peers read: one statement for all keys of a level, as DataLoader and its
-- like want it. Keys are $1, an array, and come back as `key`. These are the statements of our
-- own loaders without what says who may see what.

-- name: worker_by_id
SELECT id AS key, id, code, status, first_name_en, first_name_hi, initial_en, initial_hi, languages,
  years_experience, latitude, longitude, district_id, provider_id
FROM worker WHERE id = ANY($1) AND status IN ('ACTIVE', 'INACTIVE', 'SUSPENDED', 'ERASED')

-- name: workers
SELECT id, code, status, first_name_en, first_name_hi, initial_en, initial_hi, languages,
  years_experience, latitude, longitude, district_id, provider_id
FROM worker WHERE status = 'ACTIVE'

-- name: district_by_lgd_code
SELECT lgd_code AS key, id, lgd_code, slug, name_en, name_hi, headquarters_en, headquarters_hi,
  latitude, longitude, division_id
FROM district WHERE lgd_code = ANY($1)

-- name: district_by_id
SELECT id AS key, id, lgd_code, slug, name_en, name_hi, headquarters_en, headquarters_hi,
  latitude, longitude, division_id
FROM district WHERE id = ANY($1)

-- name: division_by_id
SELECT id AS key, id, slug, name_en, name_hi FROM division WHERE id = ANY($1)

-- name: provider_by_id
SELECT id AS key, id, code, name_en, name_hi, status, empanelled_from::text, empanelled_until::text
FROM provider WHERE id = ANY($1) AND status <> 'APPLIED'

-- name: verifications_by_worker
SELECT worker_id AS key, id, kind, verified
FROM verification WHERE worker_id = ANY($1) ORDER BY worker_id, kind

-- name: skills_by_worker
SELECT worker_id AS key, id, category_id, position, years_experience, nsqf_level, verified
FROM worker_skill WHERE worker_id = ANY($1) ORDER BY worker_id, position

-- name: category_by_id
SELECT id AS key, id, slug, name_en, name_hi, number, "group", nco_code
FROM service_category WHERE id = ANY($1)

-- name: services_by_category
SELECT category_id AS key, id, category_id, slug, name_en, name_hi, unit, duration_minutes
FROM service WHERE category_id = ANY($1) ORDER BY category_id, position

-- name: rating_by_subject
SELECT subject_id AS key, count, sum, histogram, bayesian
FROM rating_summary WHERE subject_id = ANY($1)

-- name: reviews_by_worker
SELECT k.key, r.*
FROM unnest($1::text[]) AS k(key)
CROSS JOIN LATERAL (
  SELECT position, id, worker_id, booking_id, stars, tags, text, language, reviewer_name_en,
    reviewer_name_hi, to_char(published_month, 'YYYY-MM') AS month, state
  FROM review
  WHERE worker_id = k.key AND state IN ('PUBLISHED', 'RESTORED')
  ORDER BY position DESC
  LIMIT $2
) AS r
ORDER BY r.position DESC

-- name: reply_by_review
SELECT review_id AS key, text, to_char(replied_month, 'YYYY-MM') AS month, provider_id
FROM review_reply WHERE review_id = ANY($1)

-- name: booking_by_id
SELECT id AS key, id, state, category_id, to_char(completed_month, 'YYYY-MM') AS completed_month
FROM booking WHERE id = ANY($1)

-- name: services_by_booking
SELECT l.booking_id AS key, s.id, s.category_id, s.slug, s.name_en, s.name_hi, s.unit,
  s.duration_minutes
FROM booking_line l JOIN service s ON s.id = l.service_id
WHERE l.booking_id = ANY($1) ORDER BY l.booking_id, l.position
